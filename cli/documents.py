"""Reads the files people write: one or more YAML documents of kind Site or ServerClass, and says what is wrong and where."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.errors import CommandError
from cli.exit_codes import ExitCode
from domain.checking import problems_of
from domain.declaration_checks import class_problems
from domain.documents import DocumentUnreadable, read_documents
from domain.server_class import ServerClass
from domain.site import SiteDeclaration


@dataclass(frozen=True)
class Document:
    """One YAML document of a file; `number` counts from 1."""

    file: str
    number: int
    declared: SiteDeclaration | ServerClass
    raw: dict[str, Any]

    @property
    def place(self) -> str:
        return f"{self.file}, document {self.number}"


_MODELS: dict[str, type[SiteDeclaration] | type[ServerClass]] = {"Site": SiteDeclaration, "ServerClass": ServerClass}


def read(files: Sequence[str]) -> tuple[Document, ...]:
    """All documents of the files, server classes first. Raises one CommandError that lists every problem of every file."""
    documents: list[Document] = []
    problems: list[str] = []
    for file in files:
        for number, raw in _raw_documents(file, problems):
            _add(file, number, raw, documents, problems)
    problems.extend(_doubles(documents))
    problems.extend(_contradictions(documents))
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise CommandError(
            f"The declaration has {count}; nothing was sent.",
            do="Correct them and run the command again.",
            code=ExitCode.REFUSED,
            lines=problems,
        )
    if not documents:
        raise CommandError("The files hold no document.", do="Write a Site or ServerClass.", code=ExitCode.REFUSED)
    return tuple(sorted(documents, key=lambda document: isinstance(document.declared, SiteDeclaration)))


def _raw_documents(file: str, problems: list[str]) -> Iterator[tuple[int, Any]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CommandError(f"{file} cannot be read: {reason}.", code=ExitCode.USAGE) from error
    try:
        yield from enumerate(read_documents(text, source=file), start=1)
    except DocumentUnreadable as error:
        problems.append(f"{error.message} {error.do}".strip())


def _add(file: str, number: int, raw: Any, documents: list[Document], problems: list[str]) -> None:
    place = f"{file}, document {number}"
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or kind not in _MODELS:
        problems.append(f"{place}, kind: must be one of {', '.join(sorted(_MODELS))} (given: {kind!r})")
        return
    try:
        declared = _MODELS[kind].model_validate(raw)
    except ValidationError as error:
        problems.extend(f"{place}, {p.path or 'whole document'}: {p.message}" for p in problems_of(error))
        return
    documents.append(Document(file=file, number=number, declared=declared, raw=raw))


def _doubles(documents: Sequence[Document]) -> Iterator[str]:
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        other = first.setdefault((document.declared.kind, document.declared.name), document)
        if other is not document:
            yield f"{document.place}, name: {document.declared.name} is also declared in {other.place}"


def _contradictions(documents: Sequence[Document]) -> Iterator[str]:
    """Between a site and the classes written with it; classes that the API already has, the API checks."""
    classes = {d.declared.name: d.declared for d in documents if isinstance(d.declared, ServerClass)}
    for document in documents:
        if isinstance(document.declared, SiteDeclaration):
            for problem in class_problems(document.declared, classes):
                if not problem.path.endswith(".class"):
                    yield f"{document.place}, {problem.path}: {problem.message}"
