def problems(model): return []
