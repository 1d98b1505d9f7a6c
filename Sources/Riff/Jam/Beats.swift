/// The beat of a piece, in its columns.
package struct Beats: Equatable {
  /// A column on a beat, a fraction.
  package var origin: Double
  /// Columns from one beat to the next, above 0.
  package var period: Double

  package init(origin: Double, period: Double) {
    self.origin = origin
    self.period = period
  }

  /// The last beat at or before a column.
  package func last(before column: Double) -> Double {
    self.origin + ((column - self.origin) / self.period).rounded(.down) * self.period
  }

  /// The first beat at or after a column.
  package func next(after column: Double) -> Double {
    self.origin + ((column - self.origin) / self.period).rounded(.up) * self.period
  }
}
