/// What a session does next.
public enum DiffusionWork: Sendable, Hashable {
  /// Initial picture to latents.
  case encode
  /// Prompts to what they give every step.
  case condition
  /// Denoising step `step` of `steps`, from 0.
  case denoise(step: Int, steps: Int)
  /// Latents to picture: part `part` of `parts` of its columns, from the left, from 0.
  case decode(part: Int, parts: Int)
}
