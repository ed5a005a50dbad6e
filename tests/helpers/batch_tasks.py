"""Tasks of batches for workers in processes of their own, which import them."""

import os
import time


class SlowSums:
    """Add up each loop, slowly enough for a worker to be killed meanwhile."""

    def settings(self):
        return {"task": "sum"}

    def run(self, cine, key, draft):
        time.sleep(0.1)
        draft.path(cine.name, key, ".txt").write_text(str(int(cine.frames[:].sum())))
        return {"loop": cine.name, "pid": os.getpid()}
