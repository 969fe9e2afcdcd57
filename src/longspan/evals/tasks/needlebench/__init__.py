"""NeedleBench: needles in English and Chinese texts and the Ancestral Trace Challenge. https://arxiv.org/abs/2407.11963"""
