import AudioIO
import Cores
import Diffusion
import Spectrogram

extension JobError {
  /// What an error of the rooms below means to a caller.
  init(_ error: any Error) {
    switch error {
    case let error as JobError: self = error
    case let error as CoresError: self.init(error)
    case let error as DiffusionError: self.init(error)
    case let error as SpectrogramError: self.init(error)
    case let error as AudioIOError: self.init(error)
    default: self.init(.internal, "\(error)")
    }
  }

  private init(_ error: CoresError) {
    switch error.kind {
    case .threads: self.init(.invalidArgument(field: "threads"), error.message)
    case .outOfMemory, .outOfResources: self.init(.resourceExhausted, error.message)
    }
  }

  private init(_ error: DiffusionError) {
    switch error.kind {
    case .invalidArgument(let field):
      self.init(.invalidArgument(field: field), error.message)
    case .checkpoint, .changed: self.init(.failedPrecondition, error.message)
    case .outOfMemory: self.init(.resourceExhausted, error.message)
    case .interrupted, .internal: self.init(.internal, error.message)
    }
  }

  private init(_ error: SpectrogramError) {
    switch error.kind {
    case .outOfMemory: self.init(.resourceExhausted, error.description)
    case .invalidParameter, .invalidPicture, .invalidEXIF, .invalidAudio, .tooLarge:
      self.init(.invalidArgument(field: error.field), error.message)
    }
  }

  private init(_ error: AudioIOError) {
    switch error.kind {
    case .codecFailed, .inputFailed: self.init(.internal, error.description)
    case .outOfMemory: self.init(.resourceExhausted, error.description)
    case .unsupportedFormat, .damagedFile, .tooLarge, .invalidParameter, .invalidSamples:
      self.init(.invalidArgument(field: error.field), error.message)
    }
  }
}
