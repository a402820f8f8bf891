"""What a twin has compared with a schema, so that a suite can tell that nothing was left out."""

from dataclasses import dataclass, field


@dataclass
class SchemaLog:
    """Counts what was compared, and keeps what was wrong with it.

    ``source`` says which schema it is, and from when: the vendor's own where it publishes one, else
    one of ours whose fields carry their sources. Empty: the twin compares nothing. ``complaints``
    name places and rules, never values.
    """

    source: str = ""
    requests: int = 0
    answers: int = 0
    deliveries: int = 0
    complaints: list[str] = field(default_factory=list)

    def request(self, problem: str | None) -> bool:
        """A call of the plugin was compared; whether it fits."""
        self.requests += 1
        return self._fits(problem)

    def answer(self, problem: str | None) -> bool:
        """The twin's answer to a call was compared; whether it fits."""
        self.answers += 1
        return self._fits(problem)

    def delivery(self, problem: str | None) -> bool:
        """What the twin sends was compared; whether it fits."""
        self.deliveries += 1
        return self._fits(problem)

    def _fits(self, problem: str | None) -> bool:
        if problem is not None:
            self.complaints.append(problem)
        return problem is None
