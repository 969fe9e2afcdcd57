import torch

from longspan.kv.window import SLACK, WindowStore

WINDOW = 16


def filled(store, first, end):
    for pos in range(first, end):
        k = torch.full((1, 1, 1, 2), float(pos))
        store.append(k, k, torch.tensor([[pos]]))


def test_tokens_decoded_one_by_one_are_taken_back_across_a_trim():
    for end in (SLACK + WINDOW, SLACK + WINDOW + 5, SLACK + WINDOW + 20):
        store = WindowStore(WINDOW)
        filled(store, 0, end)
        store.truncate(torch.tensor([end - 12]))
        filled(store, end - 12, end - 11)
        (part,) = store.read(None, None)
        assert part.pos_BGS[0, 0].tolist() == list(range(end - 11 - WINDOW, end - 11))
        assert torch.equal(part.k_BGSD[0, 0, :, 0], part.pos_BGS[0, 0].float())
