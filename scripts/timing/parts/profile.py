"""Where the time of a run goes: by the operations that PyTorch computes, and by what is in none of them."""

from __future__ import annotations

from torch.profiler import ProfilerActivity, profile

from scripts.timing.figures import Section, shown
from scripts.timing.subject import Subject

__all__ = ["measure"]

_WORDS = """\
`finish` of {images} images, {nfe} evaluations, in batches of {batch}, under `torch.profiler`; {seconds} s, of which the
profiler takes its part. Each operation's own time, without those that it calls{where}"""
_ON_A_CPU = """; `outside` is Python, files,
NumPy, and whatever else is no operation of PyTorch."""
_ON_A_GPU = """, on the GPU; `outside` is when it had
nothing to do."""
_MOST = 12


def measure(subject: Subject, images: int) -> Section:
    """A table of the largest costs, of the GPU's time where there is one."""
    work = subject.pipeline(images)
    work()
    on_gpu = subject.torch_device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        took = work()
    spent = {
        each.key: ((each.self_device_time_total if on_gpu else each.self_cpu_time_total) / 1e6, each.count)
        for each in profiler.key_averages()
    }
    largest = sorted(spent.items(), key=lambda each: -each[1][0])[:_MOST]
    inside = sum(seconds for seconds, _ in spent.values())
    rows = [
        f"| `{name}` | {count:,} | {shown(seconds)} | {100 * seconds / took.wall:.1f} % |"
        for name, (seconds, count) in largest
    ]
    left = took.wall - inside
    rows.append(f"| outside | | {shown(left)} | {100 * left / took.wall:.1f} % |")
    words = _WORDS.format(
        images=images,
        nfe=subject.nfe,
        batch=subject.batch_size,
        seconds=shown(took.wall),
        where=_ON_A_GPU if on_gpu else _ON_A_CPU,
    )
    table = ["| operation | calls | s | share |", "| --- | ---: | ---: | ---: |", *rows]
    return Section("profile", subject.model, "Where the time goes", words, after="\n".join(table))
