"""PostgreSQL's own messages in other languages, as it prints them where ``lc_messages`` asks for one.

Data and nothing else (``server_languages`` reads it): below each English message how it is in German, Spanish, French, Italian,
Japanese, Korean, Russian, Swedish, Ukrainian and Chinese. Only what a cause rests on is here.

Source: PostgreSQL 15, src/backend/po.
"""

# ruff: noqa: RUF001 - these are words of other languages

from __future__ import annotations

KINDS = {
    "FEHLER": "ERROR", "ERREUR": "ERROR", "ERRORE": "ERROR", "오류": "ERROR", "ОШИБКА": "ERROR", "FEL": "ERROR",
    "ПОМИЛКА": "ERROR", "错误": "ERROR", "FATALE": "FATAL", "치명적오류": "FATAL", "ВАЖНО": "FATAL", "FATALT": "FATAL",
    "ФАТАЛЬНО": "FATAL", "致命错误": "FATAL", "PANIK": "PANIC", "PANICO": "PANIC", "손상": "PANIC", "ПАНИКА": "PANIC",
    "ПАНІКА": "PANIC", "로그": "LOG", "СООБЩЕНИЕ": "LOG", "LOGG": "LOG", "ЗАПИСУВАННЯ": "LOG",
    "日志": "LOG", "WARNUNG": "WARNING", "ATTENTION": "WARNING", "ATTENZIONE": "WARNING", "경고": "WARNING",
    "ПРЕДУПРЕЖДЕНИЕ": "WARNING", "VARNING": "WARNING", "ПОПЕРЕДЖЕННЯ": "WARNING", "警告": "WARNING", "DETALLE": "DETAIL",
    "DÉTAIL": "DETAIL", "DETTAGLI": "DETAIL", "詳細": "DETAIL", "상세정보": "DETAIL", "ПОДРОБНОСТИ": "DETAIL", "DETALJ":
    "DETAIL", "ВІДОМОСТІ": "DETAIL", "详细信息": "DETAIL", "TIPP": "HINT", "ASTUCE": "HINT", "SUGGERIMENTO": "HINT", "ヒント":
    "HINT", "힌트": "HINT", "ПОДСКАЗКА": "HINT", "TIPS": "HINT", "УКАЗІВКА": "HINT", "提示": "HINT", "ZUSAMMENHANG":
    "CONTEXT", "CONTEXTO": "CONTEXT", "CONTEXTE": "CONTEXT", "CONTESTO": "CONTEXT", "文脈": "CONTEXT", "내용": "CONTEXT",
    "КОНТЕКСТ": "CONTEXT", "KONTEXT": "CONTEXT", "上下文": "CONTEXT", "ANWEISUNG": "STATEMENT", "SENTENCIA": "STATEMENT",
    "INSTRUCTION": "STATEMENT", "ISTRUZIONE": "STATEMENT", "文": "STATEMENT", "명령 구문": "STATEMENT", "ОПЕРАТОР":
    "STATEMENT", "SATS": "STATEMENT", "ІНСТРУКЦІЯ": "STATEMENT", "语句": "STATEMENT",
}  # fmt: skip
"""What stands before a message."""

MESSAGES = r"""
password authentication failed for user "%s"
  Passwort-Authentifizierung für Benutzer »%s« fehlgeschlagen
  la autentificación password falló para el usuario «%s»
  authentification par mot de passe échouée pour l'utilisateur « %s »
  autenticazione con password fallita per l'utente "%s"
  ユーザー"%s"のパスワード認証に失敗しました
  사용자 "%s"의 password 인증을 실패했습니다
  пользователь "%s" не прошёл проверку подлинности (по паролю)
  Lösenordsautentisering misslyckades för användare "%s"
  користувач "%s" не пройшов автентифікацію за допомогою пароля
  用户 "%s" Password 认证失败
database "%s" does not exist
  Datenbank »%s« existiert nicht
  no existe la base de datos «%s»
  la base de données « %s » n'existe pas
  il database "%s" non esiste
  データベース"%s"は存在しません
  "%s" 데이터베이스 없음
  база данных "%s" не существует
  databasen "%s" existerar inte
  бази даних "%s" не існує
  数据库 "%s" 不存在
role "%s" does not exist
  Rolle »%s« existiert nicht
  no existe el rol «%s»
  le rôle « %s » n'existe pas
  il ruolo "%s" non esiste
  ロール"%s"は存在しません
  "%s" 롤(role) 없음
  роль "%s" не существует
  rollen "%s" finns inte
  роль "%s" не існує
  角色 "%s" 不存在
role "%s" is not permitted to log in
  Rolle »%s« hat keine Berechtigung zum Einloggen
  al rol «%s» no se le permite conectarse
  le rôle « %s » n'est pas autorisé à se connecter
  al ruolo "%s" non è consentito effettuare il login
  ロール"%s"はログインが許可されません
  "%s" 롤은 접속을 허용하지 않음
  для роли "%s" вход запрещён
  roll "%s" tillåts inte logga in
  для ролі "%s" вхід не дозволений
  不允许角色"%s" 进行登录
no pg_hba.conf entry for host "%s", user "%s", database "%s", %s
  kein pg_hba.conf-Eintrag für Host »%s«, Benutzer »%s«, Datenbank »%s«, %s
  no hay una línea en pg_hba.conf para «%s», usuario «%s», base de datos «%s», %s
  aucune entrée dans pg_hba.conf pour l'hôte « %s », utilisateur « %s », base de données « %s », %s
  nessuna voce in pg_hba.conf per l'host "%s", utente "%s", database "%s", %s
  pg_hba.conf にホスト"%s"、ユーザー"%s"、データベース"%s, %s用のエントリがありません
  호스트 "%s", 사용자 "%s", 데이터베이스 "%s", %s 연결에 대한 설정이 pg_hba.conf 파일에 없습니다.
  в pg_hba.conf нет записи для компьютера "%s", пользователя "%s", базы "%s", %s
  ingen rad i pg_hba.conf för värd "%s", användare "%s", databas "%s", %s
  в pg_hba.conf немає запису для хосту "%s", користувача "%s", бази даних "%s", %s
  没有用于主机 "%s", 用户 "%s", 数据库 "%s", %s 的 pg_hba.conf 记录
pg_hba.conf rejects connection for host "%s", user "%s", database "%s", %s
  pg_hba.conf lehnt Verbindung ab für Host »%s«, Benutzer »%s«, Datenbank »%s«, %s
  pg_hba.conf rechaza la conexión para el servidor «%s», usuario «%s», base de datos «%s», %s
  pg_hba.conf rejette la connexion pour l'hôte « %s », utilisateur « %s », base de données « %s », %s
  pg_hba.conf rifiuta connessioni per l'host "%s", utente "%s", database "%s", %s
  pg_hba.conf の設定でホスト "%s"、ユーザー "%s"、データベース "%s", %sの接続を拒否しました
  호스트 "%s", 사용자 "%s", 데이터베이스 "%s", %s 연결이 pg_hba.conf 파일 설정에 따라 거부됩니다
  pg_hba.conf отвергает подключение: компьютер "%s", пользователь "%s", база данных "%s", %s
  pg_hba.conf avvisar anslutning för värd "%s", användare "%s", databas "%s", %s
  pg_hba.conf відхиляє підключення для хосту "%s", користувача "%s", бази даних "%s", %s
  pg_hba.conf 记录拒绝来自主机"%s", 用户"%s", 数据库"%s", %s的复制连接
sorry, too many clients already
  tut mir leid, schon zu viele Verbindungen
  lo siento, ya tenemos demasiados clientes
  désolé, trop de clients sont déjà connectés
  spiacente, troppi client già connessi
  現在クライアント数が多すぎます
  최대 동시 접속자 수를 초과했습니다.
  извините, уже слишком много клиентов
  ledsen, för många klienter
  вибачте, вже забагато клієнтів
  对不起, 已经有太多的客户
too many connections for role "%s"
  zu viele Verbindungen von Rolle »%s«
  demasiadas conexiones para el rol «%s»
  trop de connexions pour le rôle « %s »
  troppe connessioni per il ruolo "%s"
  ロール"%s"からの接続が多すぎます
  "%s" 롤의 최대 동시 접속수를 초과했습니다
  слишком много подключений для роли "%s"
  för många uppkopplingar för roll "%s"
  занадто багато підключень для ролі "%s"
  由角色"%s"发起的连接太多了
too many connections for database "%s"
  zu viele Verbindungen für Datenbank »%s«
  demasiadas conexiones para la base de datos «%s»
  trop de connexions pour la base de données « %s »
  troppe connessioni al database "%s"
  データベース"%s"への接続が多すぎます
  "%s" 데이터베이스 최대 접속수를 초과했습니다
  слишком много подключений к БД "%s"
  för många uppkopplingar till databasen "%s"
  занадто багато підключень до бази даних "%s"
  到数据库 "%s"的连接太多了
the database system is starting up
  das Datenbanksystem startet
  el sistema de base de datos está iniciándose
  le système de bases de données se lance
  il database si sta avviando
  データベースシステムは起動処理中です
  데이터베이스 시스템이 새로 가동 중입니다.
  система баз данных запускается
  databassystemet startar upp
  система бази даних запускається
  数据库系统启动中
the database system is shutting down
  das Datenbanksystem fährt herunter
  el sistema de base de datos está apagándose
  le système de base de données s'arrête
  il database si sta spegnendo
  データベースシステムはシャットダウンしています
  데이터베이스 시스템이 중지 중입니다
  система баз данных останавливается
  databassystemet stänger ner
  система бази даних завершує роботу
  数据库系统停止中
the database system is in recovery mode
  das Datenbanksystem ist im Wiederherstellungsmodus
  el sistema de base de datos está en modo de recuperación
  le système de bases de données est en cours de restauration
  il database è in modalità di ripristino
  データベースシステムはリカバリモードです
  데이터베이스 시스템이 자동 복구 작업 중입니다.
  система баз данных в режиме восстановления
  databassystemet är återställningsläge
  система бази даних у режимі відновлення
  数据库系统在恢复模式中
canceling statement due to lock timeout
  storniere Anfrage wegen Zeitüberschreitung einer Sperre
  cancelando la sentencia debido a que se agotó el tiempo de espera de candados (locks)
  annulation de la requête à cause du délai écoulé pour l'obtention des verrous
  annullamento dell'istruzione a causa di timeout di lock
  ロックのタイムアウトのためステートメントをキャンセルしています
  잠금 대기 시간 초과로 작업을 취소합니다.
  выполнение оператора отменено из-за тайм-аута блокировки
  avbryter sats på grund av lås-timeout
  виконання оператора скасовано через тайм-аут блокування
  由于锁超时，取消语句操作
canceling statement due to statement timeout
  storniere Anfrage wegen Zeitüberschreitung der Anfrage
  cancelando la sentencia debido a que se agotó el tiempo de espera de sentencias
  annulation de la requête à cause du délai écoulé pour l'exécution de l'instruction
  annullamento dell'istruzione a causa di timeout
  ステートメントのタイムアウトのためステートメントをキャンセルしています
  명령실행시간 초과로 작업을 취소합니다.
  выполнение оператора отменено из-за тайм-аута
  avbryter sats på grund av sats-timeout
  виконання оператора скасовано через тайм-аут
  由于语句执行超时，正在取消查询命令
deadlock detected
  Verklemmung (Deadlock) entdeckt
  se ha detectado un deadlock
  interblocage (deadlock) détecté
  rilevato deadlock
  デッドロックを検出しました
  deadlock 발생했음
  обнаружена взаимоблокировка
  deadlock upptäckt
  виявлено взаємне блокування
  检测到死锁
could not serialize access due to concurrent update
  konnte Zugriff nicht serialisieren wegen gleichzeitiger Aktualisierung
  no se pudo serializar el acceso debido a un update concurrente
  n'a pas pu sérialiser un accès à cause d'une mise à jour en parallèle
  serializzazione dell'accesso fallita a causa di modifiche concorrenti
  更新が同時に行われたためアクセスの直列化ができませんでした
  동시 업데이트 때문에 순차적 액세스가 불가능합니다
  не удалось сериализовать доступ из-за параллельного изменения
  kunde inte serialisera åtkomst på grund av samtidig uppdatering
  не вдалося серіалізувати доступ через паралельне оновлення
  由于同步更新而无法串行访问
must be owner of table %s
  Berechtigung nur für Eigentümer der Tabelle %s
  debe ser dueño de la tabla %s
  doit être le propriétaire de la table %s
  bisogna essere proprietari della tabella %s
  テーブル %s の所有者である必要があります
  %s 테이블의 소유주여야만 합니다
  нужно быть владельцем таблицы %s
  måste vara ägaren till tabellen %s
  треба бути власником таблиці %s
  必须是表 %s 的属主
permission denied for table %s
  keine Berechtigung für Tabelle %s
  permiso denegado a la tabla %s
  droit refusé pour la table %s
  permesso negato per la tabella %s
  テーブル %s へのアクセスが拒否されました
  %s 테이블에 대한 접근 권한 없음
  нет доступа к таблице %s
  rättighet saknas för tabell %s
  немає дозволу для таблиці %s
  对表 %s 权限不够
permission denied for schema %s
  keine Berechtigung für Schema %s
  permiso denegado al esquema %s
  droit refusé pour le schéma %s
  permesso negato per lo schema %s
  スキーマ %s へのアクセスが拒否されました
  %s 스키마(schema) 접근 권한 없음
  нет доступа к схеме %s
  rättighet saknas för schema %s
  немає дозволу для схеми %s
  对模式 %s 权限不够
permission denied to create extension "%s"
  keine Berechtigung, um Erweiterung »%s« zu erzeugen
  se ha denegado el permiso para crear la extensión «%s»
  droit refusé pour créer l'extension « %s »
  permesso di creare l'estensione "%s" negato
  機能拡張"%s"を作成する権限がありません
  "%s" 확장 모듈을 만들 권한이 없습니다
  нет прав для создания расширения "%s"
  rättighet saknas för att skapa utökning "%s"
  немає дозволу для створення розширення %s"
  创建扩展 "%s" 权限不够
cannot execute %s in a read-only transaction
  %s kann nicht in einer Read-Only-Transaktion ausgeführt werden
  no se puede ejecutar %s en una transacción de sólo lectura
  ne peut pas exécuter %s dans une transaction en lecture seule
  non è possibile eseguire %s in una transazione a sola lettura
  リードオンリーのトランザクションでは %s を実行できません
  읽기 전용 트랜잭션에서는 %s 명령을 실행할 수 없습니다.
  в транзакции в режиме "только чтение" нельзя выполнить %s
  kan inte köra %s i read-only-transaktion
  не можна виконати %s в транзакції "лише для читання"
  不能在一个只读模式的事务中执行%s
out of shared memory
  Shared Memory aufgebraucht
  memoria compartida agotada
  mémoire partagée épuisée
  memoria condivisa esaurita
  共有メモリが足りません
  공유 메모리 부족
  нехватка разделяемой памяти
  slut på delat minne
  нестача спільної пам'яті
  共享内存用尽
extension "%s" is not available
  Erweiterung »%s« ist nicht verfügbar
  la extensión «%s» no está disponible
  l'extension « %s » n'est pas disponible
  l'estensione "%s" non è disponibile
  機能拡張"%s" は利用できません
  "%s" 이름의 확장 모듈을 사용할 수 없습니다
  расширение "%s" отсутствует
  utökningen "%s" finns inte tillgänglig
  розширення "%s" недоступне
relation "%s" already exists
  Relation »%s« existiert bereits
  la relación «%s» ya existe
  la relation « %s » existe déjà
  la relazione "%s" esiste già
  リレーション"%s"はすでに存在します
  "%s" 이름의 릴레이션(relation)이 이미 있습니다
  отношение "%s" уже существует
  relationen "%s" finns redan
  відношення "%s" вже існує
  关系 "%s" 已经存在
column "%s" of relation "%s" already exists
  Spalte »%s« von Relation »%s« existiert bereits
  ya existe la columna «%s» en la relación «%s»
  la colonne « %s » de la relation « %s » existe déjà
  la colonna "%s" della relazione "%s" esiste già
  リレーション"%2$s"の列"%1$s"はすでに存在します
  "%s" 이름의 칼럼은 "%s" 릴레이션에 이미 있습니다
  столбец "%s" отношения "%s" уже существует
  kolumn "%s" i relation "%s" finns redan
  стовпець "%s" відношення "%s" вже існує
  关系 "%s" 的属性 "%s" 已经存在
relation "%s" does not exist
  Relation »%s« existiert nicht
  no existe la relación «%s»
  la relation « %s » n'existe pas
  la relazione "%s" non esiste
  リレーション"%s"は存在しません
  "%s" 이름의 릴레이션(relation)이 없습니다
  отношение "%s" не существует
  relationen "%s" existerar inte
  відношення "%s" не існує
  关系 "%s" 不存在
column "%s" does not exist
  Spalte »%s« existiert nicht
  no existe la columna «%s»
  la colonne « %s » n'existe pas
  la colonna "%s" non esiste
  列"%s"は存在しません
  "%s" 이름의 칼럼은 없습니다
  столбец "%s" не существует
  kolumnen "%s" existerar inte
  стовпця "%s" не існує
  字段 "%s" 不存在
duplicate key value violates unique constraint "%s"
  doppelter Schlüsselwert verletzt Unique-Constraint »%s«
  llave duplicada viola restricción de unicidad «%s»
  la valeur d'une clé dupliquée rompt la contrainte unique « %s »
  un valore chiave duplicato viola il vincolo univoco "%s"
  重複したキー値は一意性制約"%s"違反となります
  중복된 키 값이 "%s" 고유 제약 조건을 위반함
  повторяющееся значение ключа нарушает ограничение уникальности "%s"
  duplicerat nyckelvärde bryter mot unik-villkor "%s"
  повторювані значення ключа порушують обмеження унікальності "%s"
  重复键违反唯一约束"%s"
could not create unique index "%s"
  konnte Unique Index »%s« nicht erstellen
  no se pudo crear el índice único «%s»
  n'a pas pu créer l'index unique « %s »
  creazione dell'indice univoco "%s" fallita
  一意インデックス"%s"を作成できませんでした
  "%s" 고유 인덱스를 만들 수 없음
  создать уникальный индекс "%s" не удалось
  kunde inte skapa unikt index "%s"
  не вдалося створити унікальний індекс "%s"
  无法创建唯一索引"%s"
column "%s" of relation "%s" contains null values
  Spalte »%s« von Relation »%s« enthält NULL-Werte
  la columna «%s» de la relación «%s» contiene valores null
  la colonne « %s » de la table « %s » contient des valeurs NULL
  la colonna "%s" della relazione "%s" contiene valori null
  リレーション"%2$s"の列"%1$s"にNULL値があります
  "%s" 열(해당 릴레이션 "%s")의 자료 가운데 null 값이 있습니다
  столбец "%s" отношения "%s" содержит значения NULL
  kolumn "%s" i relation "%s" innehåller null-värden
  стовпець "%s" відношення "%s" містить null значення
terminating connection due to administrator command
  Verbindung wird abgebrochen aufgrund von Anweisung des Administrators
  terminando la conexión debido a una orden del administrador
  arrêt des connexions suite à la demande de l'administrateur
  interruzione della connessione su comando dell'amministratore
  管理者コマンドにより接続を終了しています
  관리자 요청에 의해서 연결을 끝냅니다
  закрытие подключения по команде администратора
  avslutar anslutning på grund av ett administratörskommando
  завершення підключення по команді адміністратора
  由于管理员命令中断联接
terminating connection due to idle-in-transaction timeout
  Verbindung wird abgebrochen wegen Zeitüberschreitung in inaktiver Transaktion
  terminando la conexión debido a que se agotó el tiempo de espera para transacciones abiertas inactivas
  arrêt des connexions suite à l'expiration du délai d'inactivité en transaction
  la connessione è stata terminata a causa di timeout di inattività durante una transazione
  トランザクション中アイドルタイムアウトのため接続を終了します
  idle-in-transaction 시간 초과로 연결을 끝냅니다
  закрытие подключения из-за тайм-аута простоя в транзакции
  terminerar anslutning på grund av idle-in-transaction-timeout
  завершення підключення через тайм-аут бездіяльності в транзакції
  由于空载事务超时而终止连接
could not extend file "%s": %s
  konnte Datei »%s« nicht erweitern: %s
  no se pudo extender el archivo «%s»: %s
  n'a pas pu étendre le fichier « %s » : %s
  non è stato possibile estendere il file "%s": %s
  ファイル"%s"を拡張できませんでした: %s
  "%s" 파일을 확장할 수 없음: %s
  не удалось увеличить файл "%s": %s
  kunde inte utöka fil "%s": %s
  не вдалося розширити файл "%s": %s
  无法扩展文件 "%s": %s
"""
