"""The result of an evaluation in words."""

from ganlab.evaluation.result import Result


def number(value: float, spread: float | None) -> str:
    """A metric's value, with its spread over sampling seeds where there is one."""
    return f"{value:.6g}" if spread is None else f"{value:.6g} ± {spread:.2g}"


def table(result: Result) -> str:
    """Metrics, one on a line, and below them what a reader must know to compare them."""
    width = max(map(len, result.metrics))
    lines = [
        f"  {name:<{width}}  {number(value, result.spread.get(name))}"
        for name, value in result.metrics.items()
    ]
    if result.metrics.get("memorisation", 0) > 0.5:
        lines.append(
            "  memorisation above 0.5: most samples lie closer to a training image than fresh images do"
        )
    protocol = result.protocol
    words = [str(protocol["extractor"])] if "extractor" in protocol else []
    words += [f"{protocol['n_fake']:,} samples", f"reference {protocol['reference']}"]
    if isinstance(seeds := protocol.get("seed"), list):
        words.append(f"mean ± standard deviation of {len(seeds)} sampling seeds")
    if "weights_averaged" in protocol:
        words.append("averaged weights" if protocol["weights_averaged"] else "raw weights")
        words.append(f"{protocol['images']:,} images seen")
    return "\n".join([*lines, f"  ({', '.join(words)}; --json prints the whole protocol)"])
