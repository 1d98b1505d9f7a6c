/// What the model's output stands for; the raw value is `prediction_type` in a configuration.
enum PredictionType: String, Sendable {
  case epsilon
  /// Salimans and Ho, 2022 (arXiv:2202.00512).
  case velocity = "v_prediction"
  case sample
}
