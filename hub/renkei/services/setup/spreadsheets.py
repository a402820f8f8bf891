"""Tables that merchants export: CSV in UTF-8 or CP932, headings in English or Japanese."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from renkei.errors import FileInvalid, fault_words
from renkei_contracts.toolkit.japanese import fold

M = TypeVar("M", bound=BaseModel)

MOST_BYTES = 50_000_000
MOST_FAULTS = 20
"""How many faults of a file are named at once."""


def read_rows(file: Path, model: type[M], headings: Mapping[str, str]) -> list[M]:
    """Every row as the model, as ``read_lines`` reads it."""
    return [row for _, row in read_lines(file, model, headings)]


def read_lines(file: Path, model: type[M], headings: Mapping[str, str]) -> list[tuple[int, M]]:
    """Every row as the model, with its line; raises FileInvalid with each fault and its line.

    ``headings`` say what a column may be called besides its field's name. Columns with other
    headings are passed over; empty cells count as not there.
    """
    found: list[tuple[int, M]] = []
    faults: list[str] = []
    try:
        for line, cells in _rows(_text_of(file), model, headings):
            try:
                found.append((line, model.model_validate(cells)))
            except ValidationError as error:
                faults += [f"line {line}: {said(fault)}" for fault in error.errors()]
    except csv.Error as error:
        raise FileInvalid(file.name, [f"is no CSV: {error}"]) from None
    if faults:
        raise FileInvalid(file.name, faults[:MOST_FAULTS])
    return found


def said(fault: object) -> str:
    """A validation error in words: where in the row, and what is wrong."""
    assert isinstance(fault, dict)
    place = ".".join(map(str, fault["loc"])) or "the row"
    return f"{place}: {fault_words(fault)}"


def _text_of(file: Path) -> str:
    """The text in the encoding it is in: what is no UTF-8 is CP932, as Japanese Excel writes it."""
    if file.stat().st_size > MOST_BYTES:
        raise FileInvalid(file.name, [f"is larger than {MOST_BYTES} bytes: divide it"])
    raw = file.read_bytes()
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileInvalid(file.name, ["is neither UTF-8 nor CP932 (Shift_JIS)"])


def _rows(
    text: str, model: type[BaseModel], headings: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    names = [headings.get(one, one) for one in (fold(cell).lower() for cell in next(reader, []))]
    fields = set(model.model_fields)
    if not fields & set(names):
        raise csv.Error(f"no column is headed {', '.join(model.model_fields)}")
    twice = sorted({name for name in names if name in fields and names.count(name) > 1})
    if twice:
        raise csv.Error(f"two columns are headed {twice[0]}")
    for cells in reader:
        if any(cell.strip() for cell in cells[len(names) :]):
            # An unquoted 1,100 is two cells: every one after it would be another column's.
            raise csv.Error(f"line {reader.line_num} has more cells than there are columns")
        named = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        filled = {name: cell for name, cell in named.items() if cell and name in fields}
        if filled:
            yield reader.line_num, filled
