#!/usr/bin/env python3
"""Throughput of riff.ray against nodes: ray_nodes.py RIFFD [--nodes 3] [--rows 40] [--threads 1]

Starts a cluster on this machine, makes a table of prompts with one node, then with two and so on, and prints a table.
Nodes of one machine share its cores: beyond as many nodes as cores, at one thread each, nothing can be gained.
"""
import argparse, os, tempfile, time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import riff.ray

parser = argparse.ArgumentParser()
parser.add_argument("riffd")
parser.add_argument("--nodes", type=int, default=3)
parser.add_argument("--rows", type=int, default=40)
parser.add_argument("--threads", type=int, default=1)
arguments = parser.parse_args()
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
options = riff.ray.NodeOptions(os.path.realpath(arguments.riffd), threads=arguments.threads)

print("| nodes | clips of 5.12 s a minute | seconds of sound a second | of one node's |\n|---|---|---|---|")
first = None
for nodes in range(1, arguments.nodes + 1):
    node = {"num_cpus": 1}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    for _ in range(nodes - 1):
        cluster.add_node(**node)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    with tempfile.TemporaryDirectory() as name:
        table = Path(name, "table.csv")
        # The first rows wake the workers and their models; the clock starts when each node had two.
        warm = 4 * nodes
        table.write_text("prompt\n" + "church bells on sunday\n" * (warm + arguments.rows))
        began = 0.0

        def progress(done, total, working):
            global began
            if done == warm:
                began = time.monotonic()

        summary = riff.ray.paint(table, Path(name, "out"), seed=1, options=options, progress=progress)
        seconds = time.monotonic() - began
        assert not summary.failed, summary.failed
    rate = arguments.rows / seconds
    first = first or rate
    print(f"| {nodes} | {60 * rate:.0f} | {5.12 * rate:.1f} | {rate / first:.2f} |", flush=True)
    ray.shutdown()
    cluster.shutdown()
