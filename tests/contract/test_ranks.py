"""The ranks of a feature's files hold for those with longer names too: member_queries.py is as low as queries.py.

The contracts in pyproject.toml name the plain files; this test judges every file by the end of its name.
"""

import grimp

RANKS = {"models": 0, "events": 0, "queries": 1, "service": 2, "routes": 3, "listeners": 3, "actions": 3, "jobs": 3}


def rank(module: str) -> int | None:
    """How high a module of a feature stands, or None when its name says nothing about that."""
    return RANKS.get(module.rpartition(".")[2].rpartition("_")[2])


def test_no_file_of_a_feature_imports_one_of_a_higher_rank() -> None:
    graph = grimp.build_graph("server", cache_dir=None)
    ranked = {
        module: found
        for module in graph.modules
        if module.startswith("server.features.") and (found := rank(module)) is not None
    }
    upward = [
        f"{importer} imports {imported}"
        for importer in ranked
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported in ranked and ranked[imported] > ranked[importer]
    ]

    assert ranked
    assert upward == []
