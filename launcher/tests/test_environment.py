import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launcher import Problem, environment
from launcher.environment import ROOT, setup
from launcher.processes import Output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with nothing to install, so that making its environment takes seconds."""
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "package.json").write_text('{"name": "small", "private": true}')
    lock = {"name": "small", "lockfileVersion": 3, "requires": True, "packages": {"": {"name": "small"}}}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    return tmp_path


def _set_up(project: Path) -> str:
    words = io.StringIO()
    setup(Output(words), project)
    return words.getvalue()


def test_makes_it_once_and_again_when_half_made(project):
    assert "making the virtual environment" in _set_up(project)

    began = time.monotonic()
    assert _set_up(project) == ""
    assert time.monotonic() - began < 0.1

    (project / "requirements.txt").write_text("# still nothing\n")
    assert _set_up(project).splitlines() == ["installing the requirements (once, up to a few minutes) ..."]

    (project / ".venv" / "soke.json").write_text('{"state": ')
    shutil.rmtree(project / "node_modules")
    said = _set_up(project)
    assert "removing a virtual environment that is half made" in said
    assert "installing the Node packages" in said


def test_a_missing_package_is_a_sentence(project, monkeypatch):
    monkeypatch.setattr(environment, "run", lambda *_, **__: (1, "ERROR: No matching distribution found for x==1"))
    with pytest.raises(Problem, match="there is no package x==1 for Python"):
        environment._pip_install(project, "x==1")


def test_a_python_without_venv_is_a_sentence(project, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Problem, match="apt-get install python3-venv"):
        setup(Output(io.StringIO()), project)


def test_an_old_python_is_a_sentence(tmp_path):
    code = "import sys; sys.version_info = (3, 9, 1); sys.argv = ['launcher']; import launcher"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert printed.stderr.startswith("SOKE needs Python 3.11 or newer, this is 3.9: ")


def test_the_locked_packages_name_no_place_to_download_from():
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
