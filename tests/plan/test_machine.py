"""What the machine is said to be is what it is."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

from longspan.plan.machine import Machine, held_memory, here, peak_memory


def test_the_machine_has_cores_and_memory():
    machine = here()
    assert machine.cores == len(os.sched_getaffinity(0))
    assert machine.processor
    assert 0 < machine.available <= machine.memory == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_stored_tokens_have_the_room_of_the_device_that_computes():
    machine = here("cpu")
    assert (machine.room, machine.accelerator) == (machine.available, "")
    assert Machine("processor", 2, 8 << 30, 4 << 30, accelerator="card", accelerator_free=1 << 30).room == 1 << 30


def test_what_this_process_holds_already_is_told():
    before, machine, after = held_memory(), here(), held_memory()
    assert 0.9 * before <= machine.held <= 1.1 * after


def test_memory_taken_is_seen_and_its_peak_stays():
    block = mmap.mmap(-1, 50_000_000)  # a bytearray may lie in what the process freed before
    before = held_memory()
    for page in range(0, len(block), mmap.PAGESIZE):
        block[page] = 1
    grown = held_memory()
    assert 40_000_000 < grown - before < 80_000_000
    block.close()
    assert held_memory() < grown - 40_000_000
    assert peak_memory() >= grown - 1_000_000


def test_a_process_has_no_part_in_the_memory_of_the_one_that_started_it():
    block = bytearray(b"x") * 300_000_000
    script = "from longspan.plan.machine import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < len(block)
