"""The samples for POS vendors sign as the hub does, and are let in by it.

Each language is tried where its compiler is.
"""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from renkei_contracts.twin.server import serve

SAMPLES = Path(__file__).parents[3] / "docs" / "examples"
VECTORS = json.loads((SAMPLES.parent / "pos-v1-vectors.json").read_text("utf-8"))
PROJECT = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType>
<TargetFramework>net8.0</TargetFramework><Nullable>disable</Nullable></PropertyGroup></Project>
"""


@dataclass(frozen=True)
class Sample:
    """A sample that was compiled, and how it is run."""

    command: tuple[str, ...]

    async def run(self, *arguments: str) -> list[str]:
        """The lines it prints."""
        return (await output_of(*self.command, *arguments)).splitlines()


async def output_of(*command: str) -> str:
    """What a program prints."""
    done = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await done.communicate()
    assert done.returncode == 0, err.decode() + out.decode()
    return out.decode()


async def java(folder: Path) -> Sample:
    """The Java sample, compiled."""
    await output_of(
        "javac", "-encoding", "UTF-8", "-d", str(folder), str(SAMPLES / "java/SignedRequest.java")
    )
    quick = ("-XX:TieredStopAtLevel=1", "-Dsun.jnu.encoding=UTF-8", "-Dfile.encoding=UTF-8")
    return Sample(("env", "LC_ALL=C.UTF-8", "java", *quick, "-cp", str(folder), "SignedRequest"))


async def csharp(folder: Path) -> Sample:
    """The C# sample, compiled."""
    shutil.copy(SAMPLES / "csharp/SignedRequest.cs", folder)
    (folder / "sample.csproj").write_text(PROJECT)
    await output_of("dotnet", "build", str(folder), "-o", str(folder / "out"), "--nologo")
    return Sample(("dotnet", str(folder / "out" / "sample.dll")))


async def csharp_of_old(folder: Path) -> Sample:
    """The same for the .NET Framework, as tills have it still."""
    program = str(folder / "sample.exe")
    source = str(SAMPLES / "csharp/SignedRequest.cs")
    await output_of("mcs", "-r:System.Net.Http.dll", f"-out:{program}", source)
    return Sample(("mono", program))


COMPILERS = [("javac", java), ("dotnet", csharp), ("mcs", csharp_of_old)]


@pytest.mark.parametrize(("compiler", "made"), COMPILERS)
async def test_a_sample_signs_as_documented_and_is_let_in(
    compiler: str, made: Any, tmp_path: Path, app: FastAPI, register: Any
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    sample: Sample = await made(tmp_path)
    for one in VECTORS["vectors"]:
        said = one["headers"]
        place = [said[name] for name in ("Renkei-Store", "Renkei-Till") if name in said]
        line = (one["method"], one["path"], one["query"])
        once = (said["Renkei-Timestamp"], said["Renkei-Nonce"], one["body"], *place)
        signed = await sample.run("--sign", VECTORS["secret"], *line, *once)
        assert signed == [said["Renkei-Signature"]], one["name"]
    known = register.credential
    async with serve(app) as url:
        ask = (url, known.key_id, known.secret)
        found = await sample.run(*ask, "POST", "/pos/v1/members:resolve", "", '{"value":"1"}')
        changes = await sample.run(*ask, "GET", "/pos/v1/changes", "limit=5")
    assert (found[0], "member_not_found" in found[1]) == ("404", True)
    assert changes[0] == "200"
