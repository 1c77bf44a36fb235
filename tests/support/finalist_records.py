"""Records of finalists that nobody trained."""

from moe_search.search.ledger import FinalistRecord


def finalist_record(trial: int, seed: int, value: float) -> FinalistRecord:
    """What a finalist of two experts came to from one seed, by validation and test alike."""
    split = {"accuracy": value}
    return FinalistRecord(
        trial=trial,
        seed=seed,
        experts=2,
        value=value,
        validation=split,
        test=split,
        run_id=f"{trial}, {seed}",
        model_id=f"{trial}, {seed}",
    )
