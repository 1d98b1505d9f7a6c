/// Where in a jam a change is heard: on the first beat that leaves time to paint it, within a second and a half
/// of what is heard now. Where that would leave the listener without sound, it is painted in fewer steps, and
/// where even that would, it is heard later.
package struct JamPlacement {
  /// A change is heard at the latest so many seconds after it came, where that can be.
  package static let latest = 1.5

  /// Columns that can change no more.
  package var read: Int
  /// Columns that are painted.
  package var painted: Int
  /// The column that is heard now, a fraction.
  package var playhead: Double
  /// Seconds of a column.
  package var step: Double
  /// Nil where there is no clear beat.
  package var beats: Beats?
  /// Seconds that a window takes, in all its steps and in the fewest.
  package var fullSeconds: Double
  package var leastSeconds: Double

  package init(
    read: Int, painted: Int, playhead: Double, step: Double, beats: Beats?, fullSeconds: Double,
    leastSeconds: Double
  ) {
    self.read = read
    self.painted = painted
    self.playhead = playhead
    self.step = step
    self.beats = beats
    self.fullSeconds = fullSeconds
    self.leastSeconds = leastSeconds
  }

  /// Chooses the column; what was painted from there on is given up.
  ///
  /// - Parameter time: seconds there are to paint a change that is heard from a column on.
  package func column(_ time: (Int) -> Double) -> Int {
    // What is not painted cannot be faded out of.
    let end = max(self.painted - 1, self.read)
    let bound = Int(self.playhead + Self.latest / self.step)
    var candidates = self.candidates(through: end)
    let late = candidates.firstIndex { $0 > bound } ?? candidates.count
    if late == 0, (self.read...end).contains(bound) {
      // No beat falls within the time.
      candidates.insert(bound, at: 0)
    }
    let soon = candidates.prefix { $0 <= bound }
    if let column = soon.first(where: { time($0) >= self.fullSeconds }) { return column }
    if let column = soon.last, time(column) >= self.leastSeconds { return column }
    return candidates.first { $0 > bound && time($0) >= self.leastSeconds } ?? end
  }

  /// The beats, or all columns where there are none.
  private func candidates(through end: Int) -> [Int] {
    // A jam's first column has nothing before it to change from.
    let first = max(self.read, 1)
    guard first <= end else { return [] }
    guard let beats else { return Array(first...end) }
    return sequence(first: beats.next(after: Double(first))) { $0 + beats.period }
      .lazy.map { Int($0.rounded()) }.prefix { $0 <= end }.filter { $0 >= first }
  }
}
