"""`python -m workloads list | show | synth | validate`."""

from workloads.cli import app

if __name__ == "__main__":
    app(prog_name="python -m workloads")
