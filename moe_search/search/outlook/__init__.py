"""How much a study is to train, and about how long that takes, before anything is run."""
