"""The few files of Node's packages that browsers get, each under the name that the pages ask for."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.storage import FileSystemStorage


class _Package(FileSystemStorage):
    """One file of a package, called by its public name."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(location=str(file.parent))
        self._public, self._file = name, file

    def path(self, name: str) -> str:
        return str(self._file if name == self._public else super().path(name))


class PackageFinder(BaseFinder):
    """Finds what `STATICFILES_PACKAGES` lists: {public name: file}. Nothing else of `node_modules` is served."""

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        missing = [str(file) for file in settings.STATICFILES_PACKAGES.values() if not Path(file).is_file()]
        return [Error(f"not installed, run `npm ci --ignore-scripts`: {file}") for file in missing]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        file = settings.STATICFILES_PACKAGES.get(path)
        if file is None:
            return []
        return [str(file)] if find_all else str(file)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        for name, file in settings.STATICFILES_PACKAGES.items():
            yield name, _Package(name, file)
