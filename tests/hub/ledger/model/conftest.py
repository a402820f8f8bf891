"""Loads what these tests share, in the order in which it builds upon itself."""

import importlib.util
import sys
from pathlib import Path

for _name in (
    "reference_points",
    "reference_purse",
    "reference_orders",
    "reference_ledger",
    "in_memory_hub",
    "ledger_invariants",
    "as_contracts",
    "lot_buckets",
    "compared",
    "side_by_side",
    "machine_choices",
    "ledger_machine",
    "database_hub",
    "ledger_faults",
):
    if _name in sys.modules:  # tests/hub/web/tills has the same reference: what is an enum is one
        continue
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)
