"""inspect_ai on our engine: `inspect eval TASK --model longspan/smollm2 -M method="kv=snapkv:budget=512"`.

The provider is found by inspect_ai through the package's entry point. Tools are refused: the models here have none.
A prompt that does not fit ends with the stop reason `model_length`, as inspect_ai's own providers have it.
https://inspect.aisi.org.uk/
"""

from __future__ import annotations

from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from longspan.core.errors import InputError
from longspan.lm.lm import Message, OverLength
from longspan.lm.local import Local
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model

REPLY = 512
"""Tokens of a reply where a task does not say."""
UNBOUNDED = 2**31
PLAIN = GenerateConfig()
"""Where inspect_ai says nothing of how to generate."""


@modelapi(name="longspan")
class Longspan(ModelAPI):
    """A model on this machine, run by any method."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = PLAIN,
        method: str = "",
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        model, chosen = Model.load(ensure(model_name), device=device, dtype=dtype), Method.parse(method)
        self._lm = Local(model, method=chosen, window=UNBOUNDED if chosen.extends else 0)

    def max_connections(self) -> int:
        """One reply at a time: a machine's memory is the limit."""
        return 1

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Reply to a conversation."""
        if tools:
            raise InputError(f"the task gives the model tools, and {self._lm.name} has none: choose a task without")
        messages = [Message(message.role, message.text) for message in input]
        try:
            reply = await self._lm(
                messages,
                max_tokens=config.max_tokens or REPLY,
                temperature=config.temperature or 0.0,
                seed=config.seed or 0,
                stop=config.stop_seqs or (),
            )
        except OverLength as error:
            return ModelOutput.from_content(self.model_name, str(error), stop_reason="model_length")
        output = ModelOutput.from_content(
            self.model_name, reply.text, stop_reason="max_tokens" if reply.finish == "length" else "stop"
        )
        prompt, said = reply.usage.prompt_tokens, reply.usage.completion_tokens
        output.usage = ModelUsage(input_tokens=prompt, output_tokens=said, total_tokens=prompt + said)
        return output
