import Diffusion

extension JobStage {
  init(_ stage: DiffusionProgress.Stage) {
    switch stage {
    case .encoding: self = .encoding
    case .denoising: self = .denoising
    case .decoding: self = .decoding
    }
  }
}
