"""The trained parts, diffusers' UNet and transformers' CLIP text model, and their schedule."""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextConfig, CLIPTextModel

from .presets import Architecture
from .reader import Reader

SCHEDULER = dict(
    num_train_timesteps=1000,
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    prediction_type="v_prediction",
    rescale_betas_zero_snr=True,
    timestep_spacing="trailing",
    set_alpha_to_one=True,
    steps_offset=0,
    clip_sample=False,
)


def scheduler() -> DDIMScheduler:
    return DDIMScheduler(**SCHEDULER)


class Model(torch.nn.Module):
    """Text encoder and UNet, trained together; the reader's heads help, and are left behind."""

    def __init__(self, architecture: Architecture, sample: int = 16):
        super().__init__()
        a = architecture
        levels = len(a.channels)
        self.unet = UNet2DConditionModel(
            sample_size=sample,
            in_channels=a.latent_channels,
            out_channels=a.latent_channels,
            block_out_channels=a.channels,
            layers_per_block=a.layers,
            attention_head_dim=a.heads,
            down_block_types=("CrossAttnDownBlock2D",) * levels,
            up_block_types=("CrossAttnUpBlock2D",) * levels,
            cross_attention_dim=a.text_width,
            addition_embed_type="text",  # the prompt as a whole joins the timestep's embedding
            addition_embed_type_num_heads=a.text_heads,
        )
        # From a model without it training starts as if it were not there.
        torch.nn.init.zeros_(self.unet.add_embedding.norm2.weight)
        self.text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=a.vocabulary,
                hidden_size=a.text_width,
                intermediate_size=4 * a.text_width,
                num_hidden_layers=a.text_layers,
                num_attention_heads=a.text_heads,
                max_position_embeddings=a.tokens,
                projection_dim=a.text_width,
                hidden_act="quick_gelu",
                bos_token_id=a.vocabulary - 2,
                eos_token_id=a.vocabulary - 1,
                pad_token_id=a.vocabulary - 1,
            )
        )

        self.reader = Reader(a.text_width)

    def use_plain_attention(self):
        """Attention as matrix products and a softmax, for CPUs.

        PyTorch's fused kernels save memory that these small maps do not need; their backward pass
        takes several times as long there.
        """
        self.unet.set_attn_processor(AttnProcessor())
        self.text.set_attn_implementation("eager")

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.text(input_ids=tokens).last_hidden_state

    def forward(self, latents, timesteps, text):
        """The prediction of v from `embed`'s output."""
        return self.unet(latents, timesteps, encoder_hidden_states=text).sample
