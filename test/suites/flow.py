"""Every test/flow/*.flow, one test each."""
import os

from lib.flow import Flow


def tests(environment):
    folder = os.path.join(environment.test, "flow")
    for file in sorted(os.listdir(folder)):
        if file.endswith(".flow"):
            path = os.path.join(folder, file)
            yield f"flow/{file[:-len('.flow')]}", lambda environment, path=path: Flow(environment, path).run()
