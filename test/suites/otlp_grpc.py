tests = []
