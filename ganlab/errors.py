"""Errors a person can act on: the command line prints their one sentence, never a traceback."""


class GanlabError(Exception):
    """Base of every error that ganlab raises on purpose; its text is one clear sentence."""


class ConfigError(GanlabError):
    """A key, a choice, a type, a range, or parts that do not fit together."""


class DataError(GanlabError):
    """A data set that is missing, unreadable or not what its configuration says."""


class CheckpointError(GanlabError):
    """A checkpoint or a run folder that is corrupt, foreign, of another shape, or not writable."""


class EvaluationError(GanlabError):
    """An evaluation that cannot be made: no weights, wrong weights, no samples."""


class OtherRankError(GanlabError):
    """Another rank of the same run has failed and has told the person why."""


class TrainingError(GanlabError):
    """A training run that cannot go on: a non-finite loss, for example."""


class TheoryError(GanlabError):
    """Distributions that are none, or that cannot be compared."""
