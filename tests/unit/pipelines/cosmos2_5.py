from __future__ import annotations

from typing import Any

from diffusers import Cosmos2_5_PredictBasePipeline, CosmosTransformer3DModel, UniPCMultistepScheduler

from pipelines.common import tokenizer, wan_vae
from pipelines.cosmos import LOADING as LOADING
from pipelines.kandinsky5 import qwen
from vidmem.generate.guardrail import NoGuardrail

FRAMES = 9
CHAT = (
    "{% for m in messages %}{{ m['role'] }} {% for part in m['content'] %}{{ part['text'] }} {% endfor %}{% endfor %}"
)


def chat_tokenizer() -> Any:
    made = tokenizer(512)
    made.chat_template = CHAT
    return made


def build() -> Cosmos2_5_PredictBasePipeline:
    transformer = CosmosTransformer3DModel(
        in_channels=17,  # 16 of the latents and the mask of given frames
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        mlp_ratio=2,
        text_embed_dim=16,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
    )
    pipeline = Cosmos2_5_PredictBasePipeline(
        text_encoder=qwen(),
        tokenizer=chat_tokenizer(),
        transformer=transformer,
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0),
        safety_checker=NoGuardrail(),
    )
    pipeline.register_modules(safety_checker=None)
    return pipeline
