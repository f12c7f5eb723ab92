package DBD::mysql;
1;
