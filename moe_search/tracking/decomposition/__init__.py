"""The files a run keeps of its decomposition: tables and figures."""
