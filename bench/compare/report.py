def write(figures, path): print("nothing yet")
