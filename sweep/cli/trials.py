"""Single trials, simulated and measured, and how the two agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep import defaults
from sweep.cli.app import app, fail, run
from sweep.cli.options import (
    Accel,
    Allocator,
    AllocatorOption,
    Cpus,
    Form,
    Format,
    Icount,
    Idle,
    IdleOption,
    Measured,
    Rcu,
    RcuOption,
    Timeout,
    Window,
)


@app.command()
def simulate(
    workload: Annotated[str | None, typer.Option(help="A workload by name, or a Parquet file.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A recommended.yaml: run it in the scenarios that it names.")
    ] = None,
    machine: Annotated[str, typer.Option(help="A machine profile by name, or a YAML file.")] = "vm-2cpu",
    policy: Annotated[str, typer.Option(help="A policy, or a preset such as linux-6.12.")] = "per_object",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the policy.")] = None,
    machine_set: Annotated[
        list[str] | None,
        typer.Option("--machine-set", help="KEY=VALUE of the profile, such as nocb.nocb=true."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the readers.")] = 0,
    readers: Annotated[
        str | None, typer.Option(help="mm_ref or rcu_only, instead of the workload's.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="START,LENGTH of the part that is used, such as 2s,1.5s.")
    ] = None,
    dilation: Annotated[float, typer.Option(min=0.001, help="Stretch the workload's times by this.")] = 1.0,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the workload, on further CPUs.")] = 1,
    loops: Annotated[int, typer.Option(min=1, help="Times that the workload is run through.")] = 1,
    form: Format = Form.table,
    series: Annotated[Path | None, typer.Option(help="Write retained bytes over time (Parquet).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw retained memory over time (PNG).")] = None,
) -> None:
    """One trial. Example: python -m sweep simulate --workload pgbench-connect --policy fixed_batch --set max=64"""

    def work() -> int:
        from sweep import simulate_command

        if config is not None:
            given: dict[str, object] = {
                "--workload": workload,
                "--policy": policy != "per_object",
                "--set": overrides,
            }
            given |= {"--machine": machine != "vm-2cpu", "--machine-set": machine_set, "--readers": readers}
            given |= {"--series": series, "--plot": plot}
            if others := [name for name, value in given.items() if value]:
                fail(f"--config says all of it: it does not go with {', '.join(others)}")
            return simulate_command.run_config(config, form)
        if workload is None:
            fail("--workload is missing (or --config with a recommended.yaml); see: python -m workloads list")
        simulate_command.run(
            workload=workload,
            machine=machine,
            policy=policy,
            params=overrides or [],
            machine_overrides=machine_set or [],
            seed=seed,
            readers=readers,
            window=window,
            dilation=dilation,
            replicas=replicas,
            loops=loops,
            format=form,
            series=series,
            plot=plot,
        )
        return 0

    run(work)


@app.command()
def measure(
    workload: Annotated[str, typer.Option(help="A workload by name, or a Parquet file.")],
    backend: Annotated[
        Measured, typer.Option(help="native: on this machine's CPUs; kernel: in a kernel, in a guest.")
    ] = Measured.native,
    machine: Annotated[str, typer.Option(help="A machine profile by name, or a YAML file.")] = "vm-2cpu",
    policy: Annotated[str, typer.Option(help="A policy, or a preset such as linux-6.12.")] = "per_object",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the policy.")] = None,
    machine_set: Annotated[
        list[str] | None,
        typer.Option("--machine-set", help="KEY=VALUE of the profile, such as nocb.nocb=true."),
    ] = None,
    rcu: RcuOption = Rcu.kernel_like,
    allocator: AllocatorOption = Allocator.slab,
    idle: IdleOption = Idle.poll,
    cpus: Cpus = None,
    blocks: Annotated[
        int | None,
        typer.Option(min=2, max=1000, help="ABBA blocks; default: until both objectives are known to 5 %."),
    ] = None,
    window: Window = None,
    readers: Annotated[
        str | None, typer.Option(help="mm_ref or rcu_only, instead of the workload's.")
    ] = None,
    dilation: Annotated[float, typer.Option(min=0.001, help="Stretch the workload's times by this.")] = 1.0,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the workload, on further CPUs.")] = 1,
    loops: Annotated[int, typer.Option(min=1, help="Times that the workload is run through.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the readers.")] = 0,
    timeout: Timeout = defaults.PASS_TIMEOUT_S,
    accel: Annotated[
        Accel | None, typer.Option(help="kernel: auto, kvm, or tcg (emulated; times are no machine's).")
    ] = None,
    icount: Annotated[
        int | None,
        typer.Option(min=0, max=10, help="kernel: time goes by instructions, 2^N ns each; emulated."),
    ] = None,
    memory: Annotated[str | None, typer.Option(help="kernel: of the guest, such as 1 GiB.")] = None,
    softirq: Annotated[
        bool | None,
        typer.Option("--softirq/--no-softirq", help="kernel: callbacks in softirq, or in rcuc kthreads."),
    ] = None,
    memcg: Annotated[
        bool, typer.Option("--memcg", help="kernel: charge objects to a control group.")
    ] = False,
    host: Annotated[
        bool, typer.Option("--host", help="kernel: no guest, but the kernel that runs here (a test machine).")
    ] = False,
    understood: Annotated[
        bool,
        typer.Option(
            "--i-understand-this-loads-a-module", help="Without it, --host only says what it would do."
        ),
    ] = False,
    form: Format = Form.table,
) -> None:
    """One configuration on this machine's CPUs, or in a kernel. Example: python -m sweep measure --workload
    shell-configure --window 2s,1.2s --policy whole_list"""

    def work() -> int:
        from sweep import measure_command, native_trial, trial_options
        from workloads import Scale

        request = trial_options.resolve(
            workload=workload,
            machine=machine,
            policy=policy,
            params=overrides or [],
            machine_overrides=machine_set or [],
            scale=Scale(dilation, replicas, loops, trial_options.parse_window(window)),
            readers=readers,
            seed=seed,
        )
        of_a_guest = {"accel": accel, "icount": icount, "memory": memory, "softirq": softirq}
        of_the_lab = {name: value is not None for name, value in of_a_guest.items()} | {
            "memcg": memcg,
            "host": host,
        }
        if backend is Measured.kernel:
            of_the_machine = {
                "rcu": rcu is not Rcu.kernel_like,
                "allocator": allocator is not Allocator.slab,
                "idle": idle is not Idle.poll,
                "cpus": cpus is not None,
                "timeout": timeout != defaults.PASS_TIMEOUT_S,
            }
            trial_options.refuse(of_the_machine, "--backend native")
            given = {name: value for name, value in of_a_guest.items() if value is not None}
            running = None
            if host:
                trial_options.refuse(dict.fromkeys(given, True), "a guest, so not with --host")
                running = measure_command.host_kernel(understood=understood)
            settings = measure_command.kernel_settings(given | {"memcg": memcg}, blocks)
            return measure_command.run_kernel(request, settings, form, running)
        trial_options.refuse(of_the_lab, "--backend kernel")
        options = native_trial.NativeOptions(rcu.value, allocator.value, idle.value, cpus, blocks, timeout)
        return measure_command.run(request, options, form)

    run(work)


@app.command()
def selftest(
    workload: Annotated[
        list[str] | None, typer.Option(help="A workload by name, or a Parquet file; may be repeated.")
    ] = None,
    window: Window = None,
    machine: Annotated[str, typer.Option(help="A machine profile by name, or a YAML file.")] = "vm-2cpu",
    rcu: RcuOption = Rcu.kernel_like,
    allocator: AllocatorOption = Allocator.slab,
    idle: IdleOption = Idle.poll,
    cpus: Cpus = None,
    blocks: Annotated[int, typer.Option(min=2, max=1000, help="ABBA blocks in each workload.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the readers.")] = 0,
    timeout: Timeout = defaults.PASS_TIMEOUT_S,
    form: Format = Form.table,
) -> None:
    """The baseline against itself: what can this machine tell apart? Example: python -m sweep selftest --cpus 0,1"""

    def work() -> int:
        from sweep import native_trial, selftest_command

        options = native_trial.NativeOptions(rcu.value, allocator.value, idle.value, cpus, blocks, timeout)
        return selftest_command.run(workload or [], window, machine, seed, options, form)

    run(work)


@app.command()
def calibrate(
    backend: Annotated[
        Measured, typer.Option(help="What is measured: native, or kernel (in a guest).")
    ] = Measured.native,
    machine: Annotated[
        str, typer.Option(help="The profile to extend: its constants hold, its costs are measured.")
    ] = "vm-2cpu",
    output: Annotated[
        Path | None, typer.Option("-o", help="Write a profile there, such as conf/machines/mine.yaml.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=3, max=1000, help="Of all probes, about 20 s each.")] = 8,
    cpus: Cpus = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals' bootstrap.")] = 0,
    icount: Icount = defaults.AGREE_ICOUNT,
    form: Format = Form.table,
) -> None:
    """Measure this machine's unit costs for the simulator. Example: python -m sweep calibrate -o mine.yaml"""

    def work() -> int:
        from sweep import calibrate_command

        options = calibrate_command.CalibrateOptions(
            backend.value, machine, output, rounds, cpus, seed, None if icount < 0 else icount
        )
        return calibrate_command.calibrate(options, form)

    run(work)


@app.command()
def agree(
    backend: Annotated[
        Measured, typer.Option(help="What is measured: native, or kernel (in a guest).")
    ] = Measured.native,
    machine: Annotated[
        str, typer.Option(help="A profile calibrated on this machine: by name, or a YAML file.")
    ] = "vm-2cpu",
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="native: calibrate between the passes, write this profile, which extends --machine, and compare that."
        ),
    ] = None,
    workloads: Annotated[
        str | None, typer.Option(help="Of those compared, only these: a,b,c. Default: all.")
    ] = None,
    configurations: Annotated[
        int, typer.Option(min=1, max=10_000, help="In each workload; over all policies.")
    ] = defaults.AGREE_CONFIGURATIONS,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Passes of each, far apart in time.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of sample, order and readers.")] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", help="Directory; default: sweep-agreement/MACHINE.")
    ] = None,
    conf: Annotated[
        Path | None, typer.Option(help="What is compared; default: of conf/agreement, the backend's.")
    ] = None,
    cpus: Cpus = None,
    timeout: Timeout = defaults.PASS_TIMEOUT_S,
    icount: Icount = defaults.AGREE_ICOUNT,
    form: Format = Form.table,
) -> None:
    """How well does the simulator predict this machine, or a kernel? Example: python -m sweep agree --machine mine.yaml"""

    def work() -> int:
        from sweep import agree_command

        names = tuple(word.strip() for word in (workloads or "").split(",") if word.strip())
        options = agree_command.AgreeOptions(
            backend=backend.value,
            machine=machine,
            calibrate=calibrate,
            workloads=names,
            configurations=configurations,
            repeats=repeats,
            seed=seed,
            output=output,
            conf=conf,
            cpus=cpus,
            timeout_s=timeout,
            icount=None if icount < 0 else icount,
        )
        return agree_command.agree(options, form)

    run(work)
