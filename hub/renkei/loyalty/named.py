"""What a program's parts are called: a name in conditions and orders, and a title for people."""

from renkei_contracts.base import Canonical, Slug, Text


class Named(Canonical):
    """A part of a program with a name; people read ``title`` in its place where there is one."""

    name: Slug
    title: Text = ""

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name
