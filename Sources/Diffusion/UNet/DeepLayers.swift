/// What a run of the U-Net does about its deep layers: all but the first convolution, the last layer of the
/// way up and the last convolution.
///
/// Ma et al., 2023, DeepCache (arXiv:2312.00858), whose branch 0 it is: what the deep layers give, the input of
/// the last one on the way up, changes little from step to step.
enum DeepLayers {
  /// They run, and what they give is shown, [batch, height, width, channels of the first level].
  case run((Tensor) throws(DiffusionError) -> Void)
  /// They do not; this is what they gave before.
  case reuse(Tensor)
}
