"""The files that are in a zip archive, as files of an input."""

from __future__ import annotations

from batchmap.errors import InputError
from batchmap.sources.guarded import errors_of_reading
from batchmap.sources.listing.listed_files import ListedFile, is_left_out
from batchmap.sources.opening.byte_sources import ByteSource
from batchmap.sources.opening.zip_files import ZipArchive, ZipMember

__all__ = ["files_in_archive"]


def files_in_archive(container: ListedFile) -> list[ListedFile]:
    """Return the files in a zip archive, but for what is left out of a directory, too.

    Raises `InputError` where there are none, one has a password, or the archive is damaged.
    """
    with errors_of_reading(container.name):
        archive = ZipArchive(container.byte_source())
    members = [name for name in archive.files() if not is_left_out(name)]
    if not members:
        raise InputError(f"{container.name}: there are no files in this archive; check it")
    return [_ArchivedFile(container, archive, name) for name in members]


class _ArchivedFile(ListedFile):
    """A file in an archive; its name begins with that of the archive."""

    __slots__ = ("_archive", "_container", "_member")

    def __init__(self, container: ListedFile, archive: ZipArchive, member: str) -> None:
        super().__init__(f"{container.name}/{member}", archive.size_of(member))
        self._container = container
        self._archive = archive
        self._member = member

    @property
    def container(self) -> ListedFile:
        return self._container

    def byte_source(self) -> ByteSource:
        return ZipMember(self._archive, self._member, name=self.name)
