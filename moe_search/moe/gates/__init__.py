"""Gates: what scores the experts for each sample. A gate is a file here and a row in spec/kinds."""
