"""The one format on disk: arrays in safetensors, structure in JSON, files that appear whole or not at all."""
