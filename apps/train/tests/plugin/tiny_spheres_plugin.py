"""Registers what the tests of spin-train run on."""

import spin_registry as sr

_KINDS = (
    "bytes",
    "spins",
    "dark",
    "three_classes",
    "dense",
    "no_test",
    "not_downloaded",
    "nan",
    "own_grid",
    "bad_label_in_train",
    "bad_label_in_validation",
    "none",
    "dict",
    "few_names",
    "number_names",
    "no_source",
    "exits",
    "exiting_records",
    "failing_records",
)


@sr.hookimpl
def register_models():
    return [
        sr.ModelEntry("tiny_spheres_net", "tiny_spheres:TinyNet", summary="for tests"),
        sr.ModelEntry("tiny_spheres_linen", "tiny_spheres:BridgedNet", summary="Linen's, bridged"),
        *(
            sr.ModelEntry(f"tiny_spheres_{fault}", "tiny_spheres:make_faulty", "", {"fault": fault})
            for fault in ("none", "one_too_few", "tuple", "complex", "exits", "fails")
        ),
    ]


@sr.hookimpl
def register_datasets():
    return [
        sr.DatasetEntry(f"tiny_spheres/{kind}", "tiny_spheres:load", options={"kind": kind})
        for kind in _KINDS
    ]


@sr.hookimpl
def register_grids():
    return [sr.GridEntry("ShiftedGrid", "tiny_spheres:ShiftedGrid")]
