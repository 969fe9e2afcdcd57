"""Language models as text in, text out, wherever they run: the only asynchronous seam."""
