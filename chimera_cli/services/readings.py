"""All the ways one text is read, each once: the lenses of `lenses`, stacked in the orders in which disguises are combined."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from chimera_cli.services import lenses
from chimera_cli.services.lenses import SAME, Offsets, Rewritten

Lens = Callable[[str], Rewritten]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as one stack of lenses shows it."""

    name: str
    """The lenses, such as `base64` or `plain, leet`; for people."""
    text: str
    """What they show."""
    original: str = field(repr=False)
    """What they look at."""
    chain: tuple[Offsets, ...] = ()
    """How to come back, first lens first."""
    folded: bool = False
    """Whether it is in lower case and meant for words; else case is kept, for patterns."""
    signs: str = field(default="", repr=False)
    """What stands here where signs were read as letters, and l as i, character by character; else empty."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where these characters stand in the original text."""
        for offsets in reversed(self.chain):
            if offsets is not SAME:
                start, end = offsets.span(start, end)
        return start, end

    def through(self, lens: Lens, name: str = "", *, folded: bool = False) -> "Reading":
        """Look at this reading through one more lens."""
        text, offsets = lens(self.text)
        if text == self.text and folded <= self.folded:
            return self  # There is nothing new to see.
        label = ", ".join(part for part in (self.name, name) if part)
        return Reading(label, text, self.original, (*self.chain, offsets), folded or self.folded)

    def deleeted(self) -> "Reading":
        """Read signs as letters."""
        text, offsets = lenses.deleeted(self.text)
        name = ", ".join(filter(None, (self.name, "leet")))
        return replace(self, name=name, text=text, chain=(*self.chain, offsets), signs=self.text)

    def again_and_again(self, lens: Lens, name: str, *, most: int) -> "Reading":
        """Look through one more lens for as long as it shows something new."""
        last, shown = self, self.through(lens, name)
        while shown is not last and most > 1:
            last, shown, most = shown, shown.through(lens), most - 1
        return shown


def readings(text: str) -> Iterator[Reading]:
    """Give every distinct reading of a text: two for an ordinary one, twenty-eight at most."""
    seen: set[str] = set()
    for source in _sources(text):
        if source.text not in seen:
            seen.add(source.text)
            yield from _stack(source)


def _sources(text: str) -> Iterator[Reading]:
    raw = Reading("", text, text)
    yield raw.through(lenses.normalised)
    # Encodings are nested at times (`%2570`); three layers are more than any reader would undo by accident.
    clear = raw.again_and_again(lenses.decoded, "decoded", most=3).through(lenses.normalised)
    yield clear
    yield clear.again_and_again(lenses.unpacked, "base64", most=2).through(lenses.normalised)
    yield clear.through(lenses.unhexed, "hex").through(lenses.normalised)


def _stack(source: Reading) -> Iterator[Reading]:
    yield source
    plain = source.through(lenses.casefolded, folded=True)
    shapes = [plain]
    for lens, name in ((lenses.joined, "joined letters"), (lenses.unbroken, "joined words")):
        shape = plain.through(lens, name)
        if shape is not plain:
            shapes.append(shape)
    for shape in shapes:
        yield shape
        if lenses.disguised(shape.text) or lenses.disguised(source.original):
            yield shape.deleeted()
