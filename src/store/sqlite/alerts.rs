//! Reading alerts from SQLite.

use rusqlite::{OptionalExtension, params};

use super::{SqliteStore, from_json, micros};
use crate::model::{Alert, AlertId, AlertState};
use crate::store::{AlertFilter, Alerts, StoreError};

pub fn state_name(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "open",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Closed => "closed",
    }
}

impl SqliteStore {
    fn read_alerts(&self, sql: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Alert>, StoreError> {
        let reader = self.reader();
        let mut query = reader.prepare_cached(sql)?;
        let mut rows = query.query(params)?;
        let mut alerts = Vec::new();
        while let Some(row) = rows.next()? {
            alerts.push(from_json("alert", row.get_ref(0)?.as_str().unwrap_or_default())?);
        }
        Ok(alerts)
    }
}

impl Alerts for SqliteStore {
    fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let reader = self.reader();
        let mut query = reader.prepare_cached("SELECT alert FROM incident WHERE id = ?1")?;
        let text: Option<String> = query.query_row([id.to_string()], |row| row.get(0)).optional()?;
        text.map(|text| from_json("alert", &text)).transpose()
    }

    fn alerts_starting(&self, prefix: &str) -> Result<Vec<Alert>, StoreError> {
        let prefix: String = prefix.chars().filter(char::is_ascii_hexdigit).collect();
        let sql = "SELECT alert FROM incident WHERE replace(id, '-', '') GLOB ?1 || '*' ORDER BY number LIMIT 10";
        self.read_alerts(sql, &[&prefix.to_ascii_lowercase()])
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError> {
        let sql = "SELECT alert FROM incident
                   WHERE (?1 IS NULL OR state = ?1) AND updated_at >= ?2 ORDER BY updated_at DESC, number DESC LIMIT ?3";
        let since = filter.updated_since.map_or(i64::MIN, micros);
        let limit = if filter.limit == 0 { 100 } else { filter.limit as i64 };
        self.read_alerts(sql, params![filter.state.map(state_name), since, limit])
    }
}
