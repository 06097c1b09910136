"""A Slurm of one node on this machine: Debian's slurm-wlm and munge, as root, without cgroups and accounting."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "runuser")


def missing() -> str:
    """Why there can be no Slurm here; '' where there can."""
    if os.geteuid() != 0:
        return "only root can start a Slurm"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed (slurm-wlm, munge): {', '.join(absent)}" if absent else ""


def _configuration(folder: Path, host: str) -> str:
    ports = _free_ports(2)
    memory = int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) // 1024 * 7 // 10
    options = {
        "ClusterName": "one",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": ports[0],
        "SlurmdPort": ports[1],
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={folder}/munge/socket",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "StateSaveLocation": folder / "controller",
        "SlurmdSpoolDir": folder / "node",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "SlurmctldLogFile": folder / "slurmctld.log",
        "SlurmdLogFile": folder / "slurmd.log",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core",
        "ReturnToService": 2,
        "JobAcctGatherType": "jobacct_gather/none",
        "AccountingStorageType": "accounting_storage/none",
    }
    lines = [f"{name}={value}" for name, value in options.items()]
    lines.append(f"NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={memory} State=UNKNOWN")
    lines.append(f"PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4")
    return "\n".join(lines) + "\n"


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands speak to a Slurm whose state is in ``folder``."""
    host = socket.gethostname().partition(".")[0]
    for name in ("controller", "node", "munge"):
        (folder / name).mkdir(parents=True)
    # munged runs as a user of its own, and insists that nobody else can write where its socket is.
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/") and above.stat().st_mode & 0o011 != 0o011:
            above.chmod(above.stat().st_mode | 0o011)
    shutil.chown(folder / "munge", "munge", "munge")
    (folder / "munge").chmod(0o755)
    (folder / "slurm.conf").write_text(_configuration(folder, host))
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    pid_files = [folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge" / "pid"]
    munged = ["runuser", "-u", "munge", "--", "munged", "--force", f"--pid-file={folder}/munge/pid"]
    munged += [f"--socket={folder}/munge/socket", f"--log-file={folder}/munge/log", f"--seed-file={folder}/munge/seed"]
    try:
        subprocess.run(munged, check=True)
        subprocess.run(["slurmctld", "-f", folder / "slurm.conf"], check=True, env=environment)
        time.sleep(1)
        subprocess.run(["slurmd", "-f", folder / "slurm.conf"], check=True, env=environment)
        assert _wait(lambda: "idle" in _output(["sinfo", "-h", "-o", "%t"], environment), 30), "the node is not idle"
        yield environment
    finally:
        subprocess.run(["scancel", "--user=root", "--full"], env=environment, check=False)
        _wait(lambda: "\n" not in _output(["squeue", "-h"], environment), 20)
        for path in pid_files:
            _end(path)


def _output(line: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(line, env=environment, stdout=-1, stderr=-3, text=True, check=False).stdout


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.2)
    return condition()


def _end(pid_file: Path) -> None:
    """Ends the daemon; one that waits for a job that will not end is killed."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    if not _wait(lambda: not Path(f"/proc/{pid}").exists(), 10):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _free_ports(num: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(num)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
