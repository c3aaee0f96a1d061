import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def test_the_package_is_typed(tmp_path):
    check = ["mypy", "--config-file", str(PACKAGE / "pyproject.toml"), "-p", "xrdmatch"]
    done = subprocess.run([sys.executable, "-m", *check], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_stubs_say_what_is_there(tmp_path):
    check = ["mypy.stubtest", "xrdmatch._native", "--ignore-missing-stub"]
    done = subprocess.run([sys.executable, "-m", *check], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
