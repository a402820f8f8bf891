"""Loads what these tests share, in the order in which it builds upon itself."""

import importlib.util
import sys
from pathlib import Path

MODEL = Path(__file__).parents[2] / "ledger" / "model"
"""The reference ledger, which the tests of the ledger use as well."""

FILES = (
    *(MODEL / f"reference_{name}.py" for name in ("points", "purse", "orders", "ledger")),
    *(
        Path(__file__).with_name(f"{name}.py")
        for name in (
            "reference_allowances",
            "reference_tills",
            "till_stage",
            "till_acts",
            "till_batches",
            "tills_compared",
            "till_choices",
            "till_memory",
            "till_story",
            "till_offline",
            "till_machine",
            "offline_days",
            "days_scene",
            "cut_calls",
            "call_cuts",
            "till_faults",
        )
    ),
)

for _file in FILES:
    if _file.stem in sys.modules:  # one copy for both suites: what is an enum here is one there
        continue
    _spec = importlib.util.spec_from_file_location(_file.stem, _file)
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_file.stem] = _module
    _spec.loader.exec_module(_module)
