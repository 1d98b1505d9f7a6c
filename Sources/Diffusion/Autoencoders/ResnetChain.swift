extension [ResnetBlock2D] {
  /// An autoencoder's resnets of one level, one after the other; `check` runs before each and ends the
  /// work by throwing. Two maps take turns as input and output where they are of one size; `x` is
  /// not kept.
  func forward(
    _ x: consuming OwnedMap, _ compute: Compute, check: () throws -> Void
  ) throws -> OwnedMap {
    var x = x
    var spare: OwnedMap?
    for resnet in self {
      try check()
      let sameSize = try x.withTensor { from in
        let out = try spare ?? OwnedMap(like: from, channels: resnet.outChannels)
        try out.withTensor {
          try resnet.forward(from, time: nil, into: $0, overwriting: true, compute)
        }
        spare = out
        return from.channels == resnet.outChannels
      }
      // The output goes on; the input takes the next output, if it is as large.
      guard let out = spare else { return x }
      spare = sameSize ? x : nil
      x = out
    }
    return x
  }
}
