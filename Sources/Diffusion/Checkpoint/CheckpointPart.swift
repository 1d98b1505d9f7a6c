/// One part of a checkpoint, its U-Net for instance: its configuration and its weights, not yet read.
struct CheckpointPart {
  let config: ConfigReader
  let weights: WeightReader
}
