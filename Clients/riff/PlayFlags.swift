import ArgumentParser

/// Whether sound is heard while it is made.
struct PlayFlags: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      """
      Play the sound while it is made, by $RIFF_PLAYER, else the first of mpv, ffplay, pw-play and paplay \
      that is installed. (default: on a terminal, without -o)
      """))
  var play: Bool?

  /// The player, if sound is to be heard.
  ///
  /// - Throws: ``Failure`` where it was asked for and there is none.
  func player(for destination: Destination, paths: [String], takes: Int) throws -> Player? {
    guard destination.sound != nil, !destination.usesStandardOutput else {
      if self.play == true { throw Failure.usage("--play: no sound is made that could be heard") }
      return nil
    }
    let isUsual = paths.isEmpty && takes == 1 && Terminal.standardOutput.isInteractive
    guard self.play ?? isUsual else { return nil }
    guard let player = Player.find() else {
      guard self.play == true else { return nil }
      throw Failure(message: "--play: \(Player.missing)")
    }
    if self.play == true, !player.isInstalled {
      throw Failure(message: "--play: \(player.name) is not installed")
    }
    return player
  }
}
