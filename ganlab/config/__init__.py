"""From words on a command line to a checked configuration, and from its mappings to objects.

`compose` puts the YAML groups and the user's settings together, `validate` checks every key, type and range
against the schema and against the constructors, `instantiate` builds one object.
"""

from ganlab.config.build import instantiate, validate
from ganlab.config.compose import compose
from ganlab.config.files import difference, load, to_dict, to_yaml
from ganlab.config.groups import choices, description
from ganlab.config.losses import loss_name
from ganlab.config.rechoose import with_evaluation
from ganlab.config.schema import Config

__all__ = [
    "Config",
    "choices",
    "compose",
    "description",
    "difference",
    "instantiate",
    "load",
    "loss_name",
    "to_dict",
    "to_yaml",
    "validate",
    "with_evaluation",
]
