/// The beat of a piece, in its columns.
struct Beats: Equatable {
  /// A column on a beat, a fraction.
  var origin: Double
  /// Columns from one beat to the next, above 0.
  var period: Double

  /// The last beat at or before a column.
  func last(before column: Double) -> Double {
    self.origin + ((column - self.origin) / self.period).rounded(.down) * self.period
  }

  /// The first beat at or after a column.
  func next(after column: Double) -> Double {
    self.origin + ((column - self.origin) / self.period).rounded(.up) * self.period
  }
}
